import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Random, seedOfRun } from "../random.js";
import { du, duWithoutCaches, findings, makeStore } from "../snapshot/made-store.js";

test("the categories add up to what du says, after any history", (t) => {
  const { engine, root, source } = makeStore(t);
  const random = new Random(seedOfRun());
  const names: string[] = [];
  for (let step = 0; step < 40; step++) {
    for (let change = random.below(4); change >= 0; change--) {
      const directory = `${source}/${random.below(4)}`;
      mkdirSync(directory, { recursive: true });
      const path = `${directory}/${random.below(8)}`;
      if (random.chance(0.3)) rmSync(path, { force: true });
      else writeFileSync(path, random.bytes(random.below(60_000)));
    }
    const [victim] = names;
    if (victim !== undefined && random.chance(0.4)) {
      names.shift();
      const before = duWithoutCaches(root);
      const { freedBytes } = engine.directories.deleteSnapshot({}, victim);
      assert.equal(freedBytes, before - duWithoutCaches(root), `seed ${random.seed}`);
    } else {
      names.push(engine.directories.snapshot({}, source, { name: `step-${step}` }).snapshot.name);
    }
    const usage = engine.upkeep.usage({});
    const { chunkBytes, deadBytes, layerBytes, diskBytes, overheadBytes } = usage;
    assert.equal(usage.onDiskBytes, du(root), `seed ${random.seed}, step ${step}`);
    assert.equal(chunkBytes + deadBytes + layerBytes + diskBytes + overheadBytes, usage.onDiskBytes);
    assert.ok(Math.min(chunkBytes, deadBytes, overheadBytes) >= 0, JSON.stringify(usage));
    assert.equal(usage.snapshots, names.length);
  }
  assert.deepEqual(findings(engine), [], `seed ${random.seed}`);
});

test("a foreign file in the store's directory counts too", (t) => {
  const { engine, root } = makeStore(t);
  writeFileSync(`${root}/notes`, Buffer.alloc(10_000));
  assert.equal(engine.upkeep.usage({}).onDiskBytes, du(root));
});
