/** Takes each sync and each rename away in turn, by the place that asks for it: something must then be noticed. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { Random, seedOfRun } from "../random.js";
import type { Lie } from "./memory-files.js";
import { shapeOf, verdict } from "./oracle.js";
import { outcomes } from "./power-loss.js";
import { expectationAt, record, type Mutation, type Recording } from "./recording.js";
import { redundant } from "./redundant.js";
import type { Scenario } from "./scenario.js";
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

/** What an operation leaves where nothing goes wrong. */
function shapeAfter({ moments }: Recording): string[] {
  return shapeOf((moments.at(-1) as Recording["moments"][number]).moment);
}

/** Says what is wrong, before any power cut or after one. */
function wrongWith(scenario: Scenario, mutation: Mutation, random: Random): string | null {
  let recording: Recording;
  try {
    recording = record(scenario, mutation);
  } catch (error) {
    return `${scenario.name}: ${(error as Error).message}`;
  }
  if (!isDeepStrictEqual(shapeAfter(recording), shapeAfter(record(scenario)))) {
    return `${scenario.name}: leaves other files`;
  }
  return noticed(recording, random);
}

/** The ways in which what a call site asks for is not done. */
function mutationsOf(site: string): Mutation[] {
  const lies: Lie[] = /^rename of file /.test(site) ? ["nothing", "in place"] : ["nothing"];
  return lies.map((lie) => ({ site, lie }));
}

function nameOf({ site, lie }: Mutation): string {
  return lie === "nothing" ? site : `${site}, ${lie}`;
}

describe("without one of the syncs and renames, something is noticed", () => {
  const sites = new Map<string, Scenario[]>();
  for (const scenario of scenarios) {
    for (const site of record(scenario).sites) sites.set(site, [...(sites.get(site) ?? []), scenario]);
  }
  const mutations = [...sites.keys()].flatMap(mutationsOf);

  for (const mutation of mutations) {
    test(nameOf(mutation), (t) => {
      const random = new Random(seedOfRun());
      t.diagnostic(`seed ${random.seed}`);
      const reason = redundant.get(nameOf(mutation));
      if (reason !== undefined) {
        t.diagnostic(`not needed: ${reason}`);
        return;
      }
      const using = sites.get(mutation.site) as Scenario[];
      for (const scenario of using) {
        const found = wrongWith(scenario, mutation, random);
        if (found !== null) {
          t.diagnostic(found.split("\n")[0] ?? "");
          return;
        }
      }
      const where = using.map(({ name }) => name).join(", ");
      assert.fail(`seed ${random.seed}: nobody misses the ${nameOf(mutation)}, in ${where}`);
    });
  }

  test("what is listed as not needed is there", () => {
    const known = new Set(mutations.map(nameOf));
    for (const name of redundant.keys()) assert.ok(known.has(name), name);
  });
});
