import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { filesIn, finds, forgeReferences, makeSmallStore } from "../forged.js";

describe("of the counts of references that are kept, a check finds", () => {
  finds({
    "that one is too low": [
      (made) => forgeReferences(made, (counts) => void (counts[0] = 0)),
      { code: "references_wrong", object: "cache/references" },
    ],
    "that one is too high": [
      (made) => forgeReferences(made, (counts) => void (counts[0] = 7)),
      { code: "references_wrong", object: "cache/references" },
    ],
  });

  test("nothing where there are none, or they are of other trees: collection counts on from there", (t) => {
    const { engine, again, root, source } = makeSmallStore(t);
    engine.upkeep.usage({});
    const path = `${root}/cache/references`;
    const early = readFileSync(path);
    writeFileSync(`${source}/small`, "changed");
    engine.directories.snapshot({}, source, { name: "later" });
    assert.deepEqual(again().upkeep.fsck({}, { readData: true }).findings, []);
    engine.directories.deleteSnapshot({}, "whole");
    // Of a snapshot whose objects are gone.
    writeFileSync(path, early);
    assert.deepEqual(again().upkeep.fsck({}, { readData: true }).findings, []);
    again().upkeep.gc({}, { dryRun: false });
    rmSync(path);
    assert.deepEqual(again().upkeep.fsck({}, { readData: true }).findings, []);
  });
});

describe("a collection", () => {
  test("takes nothing away that is needed, whatever byte of the counts was changed", (t) => {
    const { again, engine, root } = makeSmallStore(t);
    engine.upkeep.usage({});
    const path = `${root}/cache/references`;
    const packs = filesIn(`${root}/packs`).sort();
    const kept = readFileSync(path);
    for (let at = 0; at < kept.length; at += 7) {
      const damaged = Buffer.from(kept);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      writeFileSync(path, damaged);
      again().upkeep.gc({}, { dryRun: false });
      assert.deepEqual(filesIn(`${root}/packs`).sort(), packs, `byte ${at}`);
      assert.deepEqual(readFileSync(path), kept);
    }
  });

  test("does without counts that cannot be read", (t) => {
    const { again, root } = makeSmallStore(t);
    mkdirSync(`${root}/cache/references`, { recursive: true });
    const packs = filesIn(`${root}/packs`).sort();
    again().upkeep.gc({}, { dryRun: false });
    assert.deepEqual(filesIn(`${root}/packs`).sort(), packs);
  });
});
