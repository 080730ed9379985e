import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Engine } from "../../src/engine/engine.js";
import { StoreError } from "../../src/errors.js";
import type { Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { Random, seedOfRun } from "../random.js";
import { makeStore } from "./made-store.js";

/** The syncs of nobody who loses power. */
const unsynced: Files = { ...linuxFiles, sync: () => undefined, syncFilesystem: () => undefined };

describe("the newest snapshot of a disk", () => {
  test("is found without reading the others", (t) => {
    let calls = 0;
    const files: Files = {
      ...unsynced,
      open: (...args) => {
        // Of refs and records: what layers say is read again while they are young.
        if (/\/(refs|snapshots)\//.test(String(args[1]))) calls += 1;
        return linuxFiles.open(...args);
      },
    };
    const { engine } = makeStore(t, files);
    engine.disks.create({}, { id: "disk" });
    const cost = (name: string): number => {
      calls = 0;
      engine.disks.snapshot({}, "disk", { name });
      return calls;
    };
    ["first", "second"].forEach(cost);
    const atThree = cost("third");
    for (let n = 0; n < 25; n++) cost(`more-${n}`);
    assert.ok(atThree > 0);
    assert.equal(cost("last"), atThree);
  });

  test("is the parent of the next, whoever else takes and deletes some, and whatever fails", (t) => {
    const random = new Random(seedOfRun());
    t.diagnostic(`seed ${random.seed}`);
    let syncsToFailure = Infinity;
    const files: Files = {
      ...unsynced,
      sync: () => {
        if ((syncsToFailure -= 1) === 0)
          throw new StoreError("io_error", "fsync", { data: { errno: "EIO" } });
      },
    };
    const { engine, again } = makeStore(t, files);
    const engines: Engine[] = [engine, again()];
    engine.disks.create({}, { id: "disk" });
    let taken = 0;
    for (let n = 0; n < 80; n++) {
      const chosen = engines[random.below(engines.length)] as Engine;
      const present = chosen.disks.snapshots({}, "disk");
      const victim = present[random.below(2)];
      if (random.below(3) === 0 && victim !== undefined) {
        chosen.disks.deleteSnapshot({}, "disk", victim.name);
        continue;
      }
      syncsToFailure = random.below(4) === 0 ? 1 + random.below(6) : Infinity;
      try {
        const { snapshot } = chosen.disks.snapshot({}, "disk", { name: `at-${n}` });
        assert.equal(snapshot.parent, present[0]?.id ?? null, `seed ${random.seed}, step ${n}`);
        taken += 1;
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== "io_error") throw error;
      } finally {
        syncsToFailure = Infinity;
      }
    }
    assert.ok(taken > 10, `seed ${random.seed}`);
  });
});
