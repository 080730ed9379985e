/** The operations of the simulation in real processes on a real disk, each of which is killed before one of its system calls. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { removeDirectory, temporaryDirectory } from "../disk/mounted.js";
import { isChange } from "../platform/changes.js";
import { Random, seedOfRun } from "../random.js";
import { nothingAtAll, observeOn, verdictOn, type State } from "../simulation/oracle.js";
import { common } from "../simulation/recording.js";
import type { Scenario } from "../simulation/scenario.js";
import { perform, prepareOn, scenarios } from "../simulation/scenarios.js";
import { depth, drawn } from "../simulation/share.js";
import { filesIn } from "./dying-files.js";

const program = fileURLToPath(new URL("./dying.js", import.meta.url));
const nothing = (): void => undefined;
const scenariosMax = 3 * depth;
const killsPerOperation = 2 * depth;

/** A directory in which things are tried on copies of what was made once. */
class Trials {
  readonly place = temporaryDirectory();
  readonly #original = `${this.place}/original`;
  #count = 0;

  constructor(scenario: Scenario) {
    fs.mkdirSync(`${this.#original}/data`, { recursive: true });
    prepareOn(filesIn(this.#original, nothing), scenario);
  }

  onCopy<Result>(run: (place: string) => Result): Result {
    const copy = `${this.place}/${(this.#count += 1)}`;
    assert.equal(spawnSync("cp", ["-a", this.#original, copy]).status, 0);
    try {
      return run(copy);
    } finally {
      removeDirectory(copy);
    }
  }

  remove(): void {
    removeDirectory(this.place);
  }
}

/** What a whole run makes of it, and how many changes it takes. */
function wholeRun(trials: Trials, scenario: Scenario): { after: State; changes: number } {
  return trials.onCopy((place) => {
    let changes = 0;
    const count = (operation: string, args: unknown[]): void =>
      void (changes += isChange(operation, args) ? 1 : 0);
    perform(filesIn(place, count), scenario);
    return { after: observeOn(filesIn(place, nothing)), changes };
  });
}

/** Names that two runs do not agree on. */
function differing(a: State, b: State): Set<string> {
  const parts = [
    [a.snapshots, b.snapshots],
    [a.disks, b.disks],
  ] as const;
  return new Set(
    parts.flatMap(([one, other]) => [...one.keys()].filter((name) => one.get(name) !== other.get(name))),
  );
}

describe("a real process that is killed anywhere leaves a store that works", () => {
  const random = new Random(seedOfRun());
  const below = (end: number): number => random.below(end);
  // The name of an undo snapshot tells the time, so no two runs have the same.
  const known = scenarios.filter(({ name }) => name !== "restore disk by building a layer");
  for (const scenario of drawn(known, scenariosMax, below)) {
    test(scenario.name, (t) => {
      t.diagnostic(`seed ${random.seed}`);
      const trials = new Trials(scenario);
      t.after(() => trials.remove());
      const before = trials.onCopy((place) => observeOn(filesIn(place, nothing), scenario.mend));
      const { after, changes } = wholeRun(trials, scenario);
      const volatile = differing(after, wholeRun(trials, scenario).after);
      const numbers = Array.from({ length: changes }, (_, n) => n + 1);
      for (const at of drawn(numbers, killsPerOperation, below)) {
        trials.onCopy((place) => {
          const { signal, stderr } = spawnSync(
            process.execPath,
            [program, place, scenario.name, String(at)],
            {
              encoding: "utf8",
            },
          );
          const where = `seed ${random.seed}: killed before change ${at} of ${changes}`;
          assert.equal(signal, "SIGKILL", `${where}: ${stderr}`);
          const wrong = verdictOn(filesIn(place, nothing), {
            allowed: [before, after],
            required: common(before, after),
            gone: nothingAtAll,
            mayLackStore: scenario.isInit === true,
            volatile,
            goOn: scenario.goOn,
            mend: scenario.mend,
          });
          assert.equal(wrong, null, where);
        });
      }
    });
  }
});
