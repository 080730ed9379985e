/** Takes each sync away in turn, by the place that asks for it: some power cut must then be noticed. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random, seedOfRun } from "../random.js";
import { verdict } from "./oracle.js";
import { outcomes } from "./power-loss.js";
import { expectationAt, record, type Recording } from "./recording.js";
import { redundantSyncs } from "./redundant.js";
import { scenarios } from "./scenarios.js";
import { depth, drawn } from "./share.js";

const outcomesPerOperation = 60 * depth;

/** Tries the moment after the return first, where least is allowed. */
function noticed(recording: Recording, random: Random): string | null {
  const below = (end: number): number => random.below(end);
  const all = recording.moments.flatMap(({ moment }, n) =>
    outcomes(moment, random, 0).map((outcome) => ({ n, outcome })),
  );
  const last = recording.moments.length - 1;
  const atEnd = all.filter(({ n }) => n === last);
  // A rename is what commits, so right after one is where a missing sync shows.
  const afterRename = all.filter(({ n }) => n < last && recording.moments[n]?.change === "rename");
  const during = all.filter(({ n }) => n < last);
  for (const { n, outcome } of [
    ...drawn(atEnd, 10, below),
    ...drawn(afterRename, outcomesPerOperation, below),
    ...drawn(during, outcomesPerOperation, below),
  ]) {
    const wrong = verdict(outcome.moment, expectationAt(recording, n));
    if (wrong !== null) return `${recording.scenario.name}, change ${n}, ${outcome.description}: ${wrong}`;
  }
  return null;
}

describe("without one of the syncs, a power cut is noticed", () => {
  const sites = new Map<string, string[]>();
  for (const scenario of scenarios) {
    for (const site of record(scenario).sites) sites.set(site, [...(sites.get(site) ?? []), scenario.name]);
  }

  for (const [site, names] of sites) {
    test(site, (t) => {
      const random = new Random(seedOfRun());
      t.diagnostic(`seed ${random.seed}`);
      const reason = redundantSyncs.get(site);
      if (reason !== undefined) {
        t.diagnostic(`not needed: ${reason}`);
        return;
      }
      for (const scenario of scenarios.filter(({ name }) => names.includes(name))) {
        const found = noticed(record(scenario, site), random);
        if (found !== null) {
          t.diagnostic(found.split("\n")[0] ?? "");
          return;
        }
      }
      assert.fail(`seed ${random.seed}: nobody misses the ${site}, in ${names.join(", ")}`);
    });
  }

  test("what is listed as not needed is there", () => {
    for (const site of redundantSyncs.keys()) assert.ok(sites.has(site), site);
  });
});
