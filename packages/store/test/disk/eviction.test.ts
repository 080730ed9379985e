/** Layers on which no disk stands are a cache: they may vanish at any moment, and are built again from the chunk store. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { layersMax } from "../../src/limits.js";
import { manifestOf, newBench, noOverlay, onDisk, withoutSyncs, type Bench } from "./mounted.js";

const skip = noOverlay;

function layers({ root }: Bench): string[] {
  return fs.readdirSync(`${root}/layers`).filter((name) => name !== "empty");
}

/** Deletes behind the store's back every layer on which no disk stands, in no particular order. Returns how many. */
function deleteCache(bench: Bench): number {
  const parent = (layer: string): string | null =>
    (
      JSON.parse(fs.readFileSync(`${bench.root}/layers/${layer}/layer.json`, "utf8")) as {
        parent: string | null;
      }
    ).parent;
  const needed = new Set<string>();
  for (const { id } of bench.disks.list()) {
    const { top } = JSON.parse(fs.readFileSync(`${bench.root}/disks/${id}/disk.json`, "utf8")) as {
      top: string | null;
    };
    for (let layer = top; layer !== null; layer = parent(layer)) needed.add(layer);
  }
  const cache = layers(bench).filter((layer) => !needed.has(layer));
  for (const layer of cache) fs.rmSync(`${bench.root}/layers/${layer}`, { recursive: true });
  return cache.length;
}

void test("with every layer deleted that is cache, everything still works", { skip }, (t) => {
  const bench = newBench(t, layersMax, withoutSyncs);
  const { disks } = bench;
  disks.create({ id: "one" });
  const shown = new Map<string, string>();
  for (let n = 0; n < 4; n++) {
    onDisk(
      bench,
      "one",
      `rm -rf d; mkdir d; seq ${n}000 >d/f; ln d/f g${n}; rm -f g${n - 2}; echo ${n} >counter`,
    );
    shown.set(`s${n}`, manifestOf(bench, "one"));
    disks.snapshot("one", { name: `s${n}` });
  }
  let deleted = 0;
  for (const name of ["s1", "s3", "s0", "s2", "s0"]) {
    disks.restore("one", name);
    deleted += deleteCache(bench);
    assert.equal(manifestOf(bench, "one"), shown.get(name));
  }
  assert.ok(deleted >= 4, `${deleted} layers deleted`);
  for (const [name, expected] of shown) {
    disks.clone("one", { id: name, snapshot: name });
    assert.equal(manifestOf(bench, name), expected, `clone of ${name}`);
  }
  disks.clone("one", { id: "two" });
  disks.attach("one");
  deleteCache(bench);
  const { snapshot } = disks.snapshot("one", { live: true });
  disks.detach("one");
  assert.equal(snapshot.tree, bench.repository.getSnapshot("one", "s0").tree);
  assert.equal(disks.snapshot("two").snapshot.tree, snapshot.tree);
});

void test("a layer that a restore left behind serves again until it is swept", { skip }, (t) => {
  const bench = newBench(t, layersMax, withoutSyncs);
  const { disks } = bench;
  disks.create({ id: "one" });
  onDisk(bench, "one", "head -c 300000 /dev/urandom >f");
  disks.snapshot("one", { name: "first" });
  onDisk(bench, "one", "head -c 300000 /dev/urandom >f");
  disks.snapshot("one", { name: "second" });
  disks.restore("one", "first");
  assert.equal(disks.restore("one", "second").writtenBytes, 0);
  disks.restore("one", "first");
  const { allocatedBytes, count } = disks.unneededLayers();
  assert.ok(count === 1 && allocatedBytes > 300_000, `${count} layers of ${allocatedBytes} bytes`);
  assert.deepEqual(disks.sweepLayers(), { freedBytes: allocatedBytes, count: 1 });
  assert.equal(disks.restore("one", "second").writtenBytes, 300_000);
});
