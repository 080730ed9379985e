/** Every operation, with a power cut after every one of its changes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random, seedOfRun } from "../random.js";
import { verdict } from "./oracle.js";
import { outcomes } from "./power-loss.js";
import { expectationAt, record } from "./recording.js";
import { scenarios } from "./scenarios.js";
import { depth, drawn } from "./share.js";

const outcomesPerOperation = 4 * depth;

describe("after a power cut anywhere, what was acknowledged is there and the rest is whole or absent", () => {
  for (const scenario of scenarios) {
    test(scenario.name, (t) => {
      const random = new Random(seedOfRun());
      t.diagnostic(`seed ${random.seed}`);
      const recording = record(scenario);
      const all = recording.moments.map(({ moment }) => outcomes(moment, random, depth));
      const possible = all.flatMap((found, n) => found.map((outcome) => ({ n, outcome })));
      const last = recording.moments.length - 1;
      const acknowledged = drawn(
        possible.filter(({ n }) => n === last),
        2 * depth,
        (end) => random.below(end),
      );
      const chosen = drawn(
        possible.filter(({ n }) => n < last),
        outcomesPerOperation,
        (end) => random.below(end),
      );
      for (const { n, outcome } of [...acknowledged, ...chosen]) {
        const wrong = verdict(outcome.moment, expectationAt(recording, n));
        const change = recording.moments[n]?.change;
        assert.equal(
          wrong,
          null,
          `seed ${random.seed}: power cut after change ${n} of ${last}, ${change}: ${outcome.description}`,
        );
      }
      t.diagnostic(
        `${last} changes, ${acknowledged.length + chosen.length} of ${possible.length} outcomes tried`,
      );
      assert.ok(last > 1);
    });
  }
});
