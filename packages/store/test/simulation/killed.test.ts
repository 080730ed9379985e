/**
 * A process dies anywhere, another goes on with what it sees, and then the power fails: what the second has acknowledged
 * must not rest on changes that the first did not live to make durable.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StoreError } from "../../src/errors.js";
import type { Files } from "../../src/platform/files.js";
import { Random, seedOfRun } from "../random.js";
import { MemoryDisk, type Moment } from "./memory-disk.js";
import { kernelError, MemoryFiles } from "./memory-files.js";
import { nothingAtAll, observe, verdict, type State } from "./oracle.js";
import { outcomes, settled } from "./power-loss.js";
import { common, record, without, type Recording } from "./recording.js";
import { perform, scenarios } from "./scenarios.js";
import { depth, drawn } from "./share.js";
import { openStore, sourceRoot } from "./sources.js";

const deathsPerOperation = depth;
const outcomesPerDeath = 3 * depth;

/** The disk as the kernel has it when a process dies before change `at`, a number from 1. */
function momentOfDeath(recording: Recording, at: number): Moment {
  const disk = new MemoryDisk(recording.moments[0]?.moment);
  let changes = 0;
  const before = (operation: keyof Files, isChange: boolean): void => {
    if (isChange) changes += 1;
    if (changes >= at && operation !== "close") throw kernelError("EIO", "killed");
  };
  const files = new MemoryFiles(disk, { before });
  try {
    perform(files, recording.scenario);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
  return disk.moment();
}

const second: Record<string, (engine: ReturnType<typeof openStore>) => void> = {
  "a snapshot": (engine) => engine.directories.snapshot({}, sourceRoot, { name: "of the second" }),
  collection: (engine) => void engine.upkeep.gc({}, { dryRun: false }),
  "a disk": (engine) => engine.disks.create({}, { id: "of-the-second" }),
  "snapshots of disks": (engine) => {
    for (const { id } of engine.disks.list({})) engine.disks.snapshot({}, id, { name: "of the second" });
  },
};

describe("killed anywhere, gone on with, and then a power cut", () => {
  for (const scenario of scenarios) {
    test(scenario.name, (t) => {
      const random = new Random(seedOfRun());
      t.diagnostic(`seed ${random.seed}`);
      const below = (end: number): number => random.below(end);
      const whole = record(scenario);
      const changes = whole.moments.length - 2;
      let tried = 0;
      for (const at of drawn(
        Array.from({ length: changes }, (_, n) => n + 1),
        deathsPerOperation,
        below,
      )) {
        const name = random.pick(Object.keys(second));
        const death = momentOfDeath(whole, at);
        const seen: State = observe(settled(death), scenario.mend);
        const disk = new MemoryDisk(death);
        const moments: Moment[] = [];
        const changed = (): void => void moments.push(disk.moment());
        const engine = openStore(new MemoryFiles(disk, { changed }), true);
        scenario.mend?.(engine);
        second[name]?.(engine);
        engine.close();
        const end = disk.moment();
        const ended = observe(settled(end), scenario.mend);
        const untouched = common(common(whole.before, seen), ended);
        const check = (moment: Moment, isEnd: boolean, description: string): void => {
          tried += 1;
          const added = without(ended, seen);
          const required: State = isEnd
            ? {
                snapshots: new Map([...untouched.snapshots, ...added.snapshots]),
                disks: new Map([...untouched.disks, ...added.disks]),
              }
            : untouched;
          // Nobody was told that the store had been made; an empty one that comes and goes takes nothing along.
          const isEmpty = required.snapshots.size === 0 && required.disks.size === 0;
          const mayLackStore = scenario.isInit === true && isEmpty;
          const allowed = [whole.before, seen, ended];
          assert.equal(
            verdict(moment, {
              allowed,
              required,
              gone: nothingAtAll,
              mayLackStore,
              goOn: scenario.goOn,
              mend: scenario.mend,
            }),
            null,
            `seed ${random.seed}: killed before change ${at} of ${changes}, then ${name}, then a power cut: ${description}`,
          );
        };
        for (const { description, moment } of drawn(outcomes(end, random, depth), outcomesPerDeath, below)) {
          check(moment, true, `acknowledged, ${description}`);
        }
        for (const during of drawn(moments, depth, below)) {
          for (const { description, moment } of drawn(outcomes(during, random, depth), 2, below)) {
            check(moment, false, `during it, ${description}`);
          }
        }
      }
      t.diagnostic(`${tried} outcomes`);
    });
  }
});
