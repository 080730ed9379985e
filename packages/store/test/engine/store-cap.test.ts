import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import { Engine } from "../../src/engine/engine.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { openStore } from "../../src/store.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";

const MiB = 1024 * 1024;

function onDisk(directory: string): number {
  return Number(execFileSync("du", ["-s", "-B1", directory], { encoding: "utf8" }).split("\t")[0]);
}

/**
 * Stands in the store and counts, so that each store here is near its cap, where what it holds is measured each time.
 * Returns how to change it.
 */
function ballast(root: string): (bytes: number) => void {
  const write = (bytes: number): void => writeFileSync(`${root}/ballast`, Buffer.alloc(bytes, "ballast"));
  write(40 * MiB);
  return write;
}

/** A store of one small snapshot, and a source that has grown by `bytes` that nothing compresses. */
function scene(t: TestContext, bytes: number): { root: string; source: string } {
  const place = temporaryDirectory(t);
  const source = `${place}/source`;
  const root = `${place}/store`;
  mkdirSync(source);
  writeFileSync(`${source}/small`, "small");
  const engine = Engine.open(linuxFiles, root, { create: true });
  engine.directories.snapshot({}, source, { name: "small" });
  engine.close();
  writeFileSync(`${source}/large`, randomBytes(bytes));
  return { root, source };
}

function opened(t: TestContext, root: string, capBytes: number): Engine {
  const engine = Engine.open(linuxFiles, root, { create: false, capBytes });
  t.after(() => engine.close());
  return engine;
}

const exceeded = withCode("quota_exceeded");

describe("a store with a cap", () => {
  test("takes what fits, and refuses the next snapshot as if it had never been begun", (t) => {
    const { root, source } = scene(t, 3 * MiB);
    const engine = opened(t, root, onDisk(root) + 4 * MiB);
    engine.run({}, "directories.snapshot", [source, { name: "fits" }]);
    const before = onDisk(root);
    writeFileSync(`${source}/larger`, randomBytes(3 * MiB));
    assert.throws(() => engine.run({}, "directories.snapshot", [source, { name: "too much" }]), exceeded);
    assert.deepEqual(
      engine.directories
        .listSnapshots({})
        .map(({ name }) => name)
        .sort(),
      ["fits", "small"],
    );
    assert.ok(onDisk(root) - before < 64 * 1024, `${onDisk(root) - before} bytes were left behind`);
    assert.equal(engine.upkeep.fsck({}, { readData: true }).ok, true);
  });

  test("gives back packs that were complete when the cap was met", (t) => {
    const { root, source } = scene(t, 80 * MiB);
    const before = onDisk(root);
    const engine = opened(t, root, before + 72 * MiB);
    assert.throws(() => engine.run({}, "directories.snapshot", [source, { name: "too much" }]), exceeded);
    assert.ok(onDisk(root) - before < 64 * 1024, `${onDisk(root) - before} bytes were left behind`);
  });

  test("says the figures, and lets everything be read and deleted that is in it", (t) => {
    const { root, source } = scene(t, 1000);
    const usedBytes = onDisk(root);
    const engine = opened(t, root, 1);
    assert.throws(
      () => engine.run({}, "directories.snapshot", [source, { name: "no" }]),
      (error: { code?: string; data?: Record<string, unknown> }) => {
        assert.equal(error.code, "quota_exceeded");
        assert.equal(error.data?.["capBytes"], 1);
        assert.ok(Number(error.data["usedBytes"]) >= usedBytes);
        return true;
      },
    );
    assert.throws(() => engine.run({}, "disks.create", [{ id: "disk" }]), exceeded);
    assert.deepEqual(engine.disks.list({}), []);
    engine.directories.restore({}, "small", `${root}-restored`, {});
    engine.directories.deleteSnapshot({}, "small");
    engine.upkeep.gc({}, { dryRun: false });
    assert.deepEqual(engine.directories.listSnapshots({}), []);
  });

  test("counts what is gone again no longer", (t) => {
    const { root, source } = scene(t, 3 * MiB);
    const engine = opened(t, root, onDisk(root) + 4 * MiB);
    for (let round = 0; round < 4; round++) {
      engine.run({}, "directories.snapshot", [source, { name: "again" }]);
      engine.directories.deleteSnapshot({}, "again");
      engine.upkeep.gc({}, { dryRun: false });
      writeFileSync(`${source}/large`, randomBytes(3 * MiB));
    }
  });

  test("sees what others store meanwhile", (t) => {
    const { root, source } = scene(t, 1000);
    ballast(root);
    const engine = opened(t, root, onDisk(root) + 4 * MiB);
    engine.run({}, "directories.snapshot", [source, { name: "own" }]);
    const other = Engine.open(linuxFiles, root, { create: false });
    t.after(() => other.close());
    writeFileSync(`${source}/others`, randomBytes(5 * MiB));
    other.directories.snapshot({}, source, { name: "others" });
    writeFileSync(`${source}/own`, randomBytes(1000));
    assert.throws(() => engine.run({}, "directories.snapshot", [source, { name: "more" }]), exceeded);
  });

  for (const driver of ["directory", "overlay"] as const) {
    test(`refuses to restore or clone a disk (${driver}), and keeps it as it is`, async (t) => {
      const { root, source } = scene(t, 3 * MiB);
      // Comes from elsewhere, so that there is no layer yet that shows it.
      await using from = await openStore(`${root}-from`, { create: true });
      await from.snapshot(source, { name: "full" });
      const weigh = ballast(root);
      await using store = await openStore(root, { capBytes: onDisk(root) + 8 * MiB });
      const { disks } = store;
      await disks.create({ id: "disk", driver, directories: [{ path: "own", mode: 0o755 }] });
      await store.import(from.export(["full"]), { diskId: "disk" });

      weigh(42.5 * MiB);
      const before = onDisk(root);
      await assert.rejects(disks.restore("disk", "full", { undo: true }), exceeded);
      await assert.rejects(disks.clone("disk", { id: "copy", snapshot: "full" }), exceeded);
      const names = (await disks.snapshots("disk")).map(({ name }) => name);
      assert.deepEqual(names, ["full"]);
      assert.equal((await disks.list()).length, 1);
      assert.ok(onDisk(root) - before < 64 * 1024, `${onDisk(root) - before} bytes were left behind`);
      const { files, directories } = (await disks.snapshot("disk", { name: "after" })).snapshot;
      assert.deepEqual([files, directories], [0, 1]);
      assert.equal((await store.fsck({ readData: true })).ok, true);

      weigh(40 * MiB);
      await disks.restore("disk", "full", { undo: true });
    });
  }

  test("refuses a bundle", async (t) => {
    const { root, source } = scene(t, 3 * MiB);
    await using from = await openStore(`${root}-from`, { create: true });
    await from.snapshot(source, { name: "large" });
    await using to = await openStore(root, { capBytes: onDisk(root) + MiB });
    await assert.rejects(to.import(from.export(["large"])), exceeded);
    assert.deepEqual(
      (await to.snapshots()).map(({ name }) => name),
      ["small"],
    );
  });

  test("has a cap that is a number", async (t) => {
    const directory = `${temporaryDirectory(t)}/store`;
    await assert.rejects(openStore(directory, { create: true, capBytes: -1 }), withCode("invalid_argument"));
  });
});
