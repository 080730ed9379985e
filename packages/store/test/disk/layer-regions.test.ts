import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { DiskUsage } from "../../src/api.js";
import { StoreError } from "../../src/errors.js";
import { measureStore } from "../../src/maintenance/store-bytes.js";
import type { Files } from "../../src/platform/files.js";
import type { LayerId, TreeId } from "../../src/ids.js";
import { Layers } from "../../src/disk/layers.js";
import { Random, seedOfRun } from "../random.js";
import { depth } from "../simulation/share.js";
import { du } from "../snapshot/made-store.js";
import { newBench, openBench, withoutSyncs, type Bench } from "./mounted.js";

/** Longer than a time that a stamp does not trust yet. */
const settledMs = 120;
/** So that stacks are merged all the time. */
const layersMax = 4;

/** Writes what overlayfs would have written. */
function write({ disks }: Bench, id: string, name: string, content: Uint8Array | string): void {
  const mount = disks.attach(id);
  assert.equal(mount.driver, "overlay");
  writeFileSync(`${mount.upper}/${name}`, content);
  disks.detach(id);
}

function onDiskBytes({ repository, disks }: Bench): number {
  return measureStore(repository, disks).onDiskBytes;
}

function topOf({ root }: Bench, id: string): LayerId {
  return (JSON.parse(readFileSync(`${root}/disks/${id}/disk.json`, "utf8")) as { top: LayerId }).top;
}

/** What one finds who knows nothing. */
function counted(root: string): { bytes: number; usages: (DiskUsage & { id: string })[] } {
  const bench = openBench(root, withoutSyncs);
  bench.repository.regions.forget();
  const usages = bench.disks.usages();
  return { bytes: onDiskBytes(bench), usages };
}

describe("what layers take", () => {
  test("is what du says and what counting anew gives, whoever asks, in any history of disks", async (t) => {
    const bench = newBench(t, layersMax, withoutSyncs);
    const { root, repository } = bench;
    const random = new Random(seedOfRun());
    const asking = [bench, openBench(root, withoutSyncs, layersMax)];
    const ids: string[] = [];
    for (let step = 0; step < 20 * depth; step++) {
      const at = `seed ${random.seed}, step ${step}`;
      const actor = random.pick(asking);
      const id = ids.length > 0 ? random.pick(ids) : null;
      const kind = random.below(10);
      const snapshots = id === null ? [] : repository.listSnapshots(id);
      if (id === null || (kind === 0 && ids.length < 5)) {
        actor.disks.create({ id: `disk-${step}` });
        ids.push(`disk-${step}`);
      } else if (kind === 1 && ids.length < 6) {
        const snapshot = snapshots.length > 0 && random.chance(0.5) ? random.pick(snapshots).name : undefined;
        actor.disks.clone(id, { id: `copy-${step}`, snapshot });
        ids.push(`copy-${step}`);
      } else if (kind === 2 && snapshots.length > 0) actor.disks.restore(id, random.pick(snapshots).name);
      else if (kind === 3 && snapshots.length > 0) repository.removeSnapshot(random.pick(snapshots));
      else if (kind === 4) actor.disks.sweepLayers();
      else if (kind === 5 && ids.length > 2) {
        actor.disks.delete(id);
        ids.splice(ids.indexOf(id), 1);
      } else if (kind === 6) new Layers(withoutSyncs, repository.layout).forgetTree(topOf(bench, id));
      else write(actor, id, `file-${random.below(6)}`, random.bytes(random.below(60_000)));
      if (id !== null && kind > 5 && ids.includes(id)) actor.disks.snapshot(id, { name: `at-${step}` });
      if (random.chance(0.2)) await pause(settledMs);
      if (random.chance(0.1)) asking[1] = openBench(root, withoutSyncs, layersMax);
      const { usages } = counted(root);
      for (const asked of asking) {
        assert.deepEqual(asked.disks.usages(), usages, at);
        assert.equal(onDiskBytes(asked), du(root), at);
      }
      assert.equal(counted(root).bytes, du(root), at);
    }
  });

  test("is not believed of a directory that may have changed within the same tick of the clock", async (t) => {
    const tickMs = 50;
    const tickNs = tickMs * 1_000_000;
    const atTick = (nanoseconds: number): number => nanoseconds - (nanoseconds % tickNs);
    // As a kernel whose clock ticks rarely.
    const slow: Files = {
      ...withoutSyncs,
      stat: (directory, name) => {
        const stat = withoutSyncs.stat(directory, name);
        const { inode, device, mtimeNanoseconds, ctimeNanoseconds } = stat;
        const times = {
          mtimeNanoseconds: atTick(mtimeNanoseconds),
          ctimeNanoseconds: atTick(ctimeNanoseconds),
        };
        return { ...stat, inode, device, ...times };
      },
    };
    const { root, disks } = newBench(t, undefined, withoutSyncs);
    disks.create({ id: "one" });
    const asking = openBench(root, slow);
    const writing = openBench(root, withoutSyncs);
    for (let round = 0; round < 3; round++) {
      await pause(settledMs);
      while (Date.now() % tickMs > 5) await pause(1);
      write(writing, "one", "file", `${round}`.repeat(10_000));
      writing.disks.snapshot("one", { name: `at-${round}` });
      onDiskBytes(asking);
      write(writing, "one", "other", `${round}`.repeat(10_000));
      writing.disks.snapshot("one", { name: `and-${round}` });
      await pause(settledMs);
      assert.equal(onDiskBytes(asking), du(root), `round ${round}`);
    }
  });

  test("is looked at again for a layer that gets its tree late, and not for one that gets another", async (t) => {
    const bench = newBench(t, layersMax, withoutSyncs);
    bench.disks.create({ id: "one" });
    write(bench, "one", "file", "content");
    bench.disks.clone("one", { id: "two" });
    await pause(settledMs);
    assert.equal(onDiskBytes(bench), du(bench.root));
    const top = topOf(bench, "one");
    const layers = new Layers(withoutSyncs, bench.repository.layout);
    assert.equal(layers.tree(top), null);
    layers.setTree(top, "ab".repeat(32) as TreeId);
    assert.equal(onDiskBytes(bench), du(bench.root));
    await pause(settledMs);
    onDiskBytes(bench);
    layers.setTree(top, "cd".repeat(32) as TreeId);
    assert.equal(onDiskBytes(bench), du(bench.root));
    assert.equal(layers.tree(top), "cd".repeat(32));
    layers.forgetTree(top);
    assert.equal(layers.tree(top), null);
    assert.equal(onDiskBytes(bench), du(bench.root));
  });

  test("costs the same however many there are, once they were counted", async (t) => {
    const bench = newBench(t, undefined, withoutSyncs);
    let calls = 0;
    const files: Files = {
      ...withoutSyncs,
      stat: (...args) => {
        calls += 1;
        return withoutSyncs.stat(...args);
      },
      open: (...args) => {
        calls += 1;
        return withoutSyncs.open(...args);
      },
    };
    const costs: Record<string, number[]> = {};
    const asking = openBench(bench.root, files);
    const note = (when: string): void => {
      calls = 0;
      onDiskBytes(asking);
      (costs[when] ??= []).push(calls);
    };
    bench.disks.create({ id: "one" });
    for (const [from, to] of [
      [0, 8],
      [8, 24],
    ] as const) {
      for (let n = from; n < to; n++) {
        write(bench, "one", "file", `${n}`);
        bench.disks.snapshot("one", { name: `at-${n}` });
      }
      await pause(settledMs);
      onDiskBytes(asking);
      await pause(settledMs);
      note("asked again");
      write(bench, "one", "file", "more");
      bench.disks.snapshot("one", { name: `more-${to}` });
      note("after a snapshot");
    }
    for (const [when, [few, many]] of Object.entries(costs)) {
      assert.ok(few !== undefined && many !== undefined);
      assert.ok(many <= few + 4, `${when}: ${few} calls with 8 layers, ${many} with 24`);
    }
  });

  test("says when a layer of a disk is missing", (t) => {
    const bench = newBench(t, layersMax, withoutSyncs);
    bench.disks.create({ id: "one" });
    write(bench, "one", "file", "content");
    bench.disks.snapshot("one", { name: "first" });
    rmSync(`${bench.root}/layers/${topOf(bench, "one")}`, { recursive: true });
    const isCorrupt = (error: unknown): boolean => error instanceof StoreError && error.code === "corrupt";
    assert.throws(() => bench.disks.usage("one"), isCorrupt);
    assert.equal(onDiskBytes(bench), du(bench.root));
  });
});
