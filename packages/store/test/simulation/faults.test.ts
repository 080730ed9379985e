/** Every call of every operation fails, once or from then on, with every errno that it may; then the power fails too. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StoreError } from "../../src/errors.js";
import type { Files } from "../../src/platform/files.js";
import { Random, seedOfRun } from "../random.js";
import { MemoryDisk } from "./memory-disk.js";
import { kernelError, MemoryFiles } from "./memory-files.js";
import { nothingAtAll, observe, verdict } from "./oracle.js";
import { outcomes, settled } from "./power-loss.js";
import { common, record } from "./recording.js";
import type { Scenario } from "./scenario.js";
import { perform, prepared, scenarios } from "./scenarios.js";
import { depth, drawn } from "./share.js";

const faultsPerOperation = 2 * depth;

const needSpace = new Set<keyof Files>([
  "write",
  "truncate",
  "makeDirectory",
  "rename",
  "link",
  "makeSymlink",
  "makeNode",
  "setXattr",
  "sync",
]);

function errnosOf(operation: keyof Files, isChange: boolean): string[] {
  if (operation === "open") return isChange ? ["EMFILE", "EIO", "ENOSPC", "EDQUOT"] : ["EMFILE", "EIO"];
  return needSpace.has(operation) ? ["EIO", "ENOSPC", "EDQUOT"] : ["EIO"];
}

interface Call {
  at: number;
  operation: keyof Files;
  errno: string;
  lasting: boolean;
}

/** Every fault that a run may meet. */
function faultsOf(scenario: Scenario, disk: MemoryDisk): Call[] {
  const calls: Call[] = [];
  let at = 0;
  const before = (operation: keyof Files, isChange: boolean): void => {
    at += 1;
    for (const errno of errnosOf(operation, isChange)) {
      for (const lasting of [false, true]) calls.push({ at, operation, errno, lasting });
    }
  };
  perform(new MemoryFiles(disk, { before }), scenario);
  return calls;
}

describe("whatever call fails, nothing acknowledged is lost and no descriptor is left open", () => {
  for (const scenario of scenarios) {
    test(scenario.name, (t) => {
      const random = new Random(seedOfRun());
      t.diagnostic(`seed ${random.seed}`);
      const below = (end: number): number => random.below(end);
      const { before, after, moments } = record(scenario);
      const start = moments[0]?.moment;
      const possible = faultsOf(scenario, new MemoryDisk(start));
      const chosen = drawn(possible, faultsPerOperation, below);
      for (const fault of chosen) {
        const { errno, lasting, operation, at } = fault;
        const disk = new MemoryDisk(start);
        let calls = 0;
        const fail = (called: keyof Files, isChange: boolean, tear: () => void, spoil: () => void): void => {
          calls += 1;
          const hit = calls === at || (lasting && calls > at && errnosOf(called, isChange).includes(errno));
          if (!hit) return;
          tear();
          spoil();
          throw kernelError(errno, called);
        };
        const files = new MemoryFiles(disk, { before: fail });
        const where = `seed ${random.seed}: ${errno} at call ${at}, ${operation}${lasting ? ", lasting" : ""}`;
        let succeeded = true;
        try {
          perform(files, scenario);
        } catch (error) {
          assert.ok(error instanceof StoreError, `${where}: ${String((error as Error).stack)}`);
          succeeded = false;
        }
        assert.equal(files.openDescriptors, 0, `${where}: descriptors left open`);
        const end = disk.moment();
        const seen = observe(settled(end), scenario.mend);
        const required = succeeded ? seen : common(common(before, after), seen);
        const allowed = [before, after, seen];
        const expected = {
          allowed,
          required,
          gone: nothingAtAll,
          goOn: scenario.goOn,
          mend: scenario.mend,
          mayLackStore: scenario.isInit === true && !succeeded,
        };
        for (const { description, moment } of [
          { description: "no power cut", moment: settled(end) },
          ...drawn(outcomes(end, random, depth), depth, below),
        ]) {
          assert.equal(verdict(moment, expected), null, `${where}, then ${description}`);
        }
      }
      t.diagnostic(`${chosen.length} of ${possible.length} faults`);
    });
  }
});

describe("no open that fails leaves a descriptor open", () => {
  for (const scenario of scenarios.filter(({ name }) => /disk/.test(name))) {
    test(scenario.name, () => {
      const start = prepared(scenario);
      let opens = Infinity;
      for (let failing = 1; failing <= opens; failing++) {
        let count = 0;
        const before = (operation: keyof Files): void => {
          if (operation === "open" && ++count === failing) throw kernelError("EMFILE", operation);
        };
        const files = new MemoryFiles(new MemoryDisk(start), { before });
        try {
          perform(files, scenario);
          // One that is met by nothing tells how many there are; some others are not needed.
          if (count < failing) opens = count;
        } catch (error) {
          assert.ok(error instanceof StoreError, `open ${failing}: ${String((error as Error).stack)}`);
        }
        assert.equal(files.openDescriptors, 0, `open ${failing}`);
      }
    });
  }
});
