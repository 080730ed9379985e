import assert from "node:assert/strict";
import fs from "node:fs";
import { test, type TestContext } from "node:test";
import { StoreError } from "../../src/errors.js";
import { anywhere } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { newBench, type Bench } from "./mounted.js";

const MiB = 1 << 20;

/** A disk that had a file of 2 MiB, then another, and has both as layers. Changed as overlayfs would, so that nothing is mounted. */
function makeBench(t: TestContext): Bench {
  const bench = newBench(t);
  const { disks } = bench;
  const write = (run: (upper: string) => void): void => {
    const mount = disks.attach("one");
    assert.equal(mount.driver, "overlay");
    run(mount.upper);
    disks.detach("one");
  };
  disks.create({ id: "one" });
  write((upper) => fs.writeFileSync(`${upper}/first`, Buffer.alloc(2 * MiB, 1)));
  disks.snapshot("one", { name: "first" });
  write((upper) => {
    linuxFiles.makeNode(anywhere, `${upper}/first`, { type: "character", mode: 0, major: 0, minor: 0 });
    fs.writeFileSync(`${upper}/second`, Buffer.alloc(2 * MiB, 2));
  });
  disks.snapshot("one", { name: "second" });
  return bench;
}

const ofDisk = (id: string) => (error: unknown) => {
  assert.ok(error instanceof StoreError && error.code === "quota_exceeded", String(error));
  const { disk, usedBytes, neededBytes, capBytes } = error.data;
  assert.equal(disk, id);
  assert.ok(Number(usedBytes) + Number(neededBytes) > Number(capBytes), JSON.stringify(error.data));
  return true;
};

const paths = [Buffer.from("first")];

void test("a restore that would take a disk beyond its cap leaves it as it was", (t) => {
  const { disks, repository, root } = makeBench(t);
  const before = { tree: disks.snapshot("one", { name: "before" }).snapshot.tree, usage: disks.usage("one") };
  const snapshots = repository.listSnapshots("one").length;
  for (const undo of [false, true]) {
    assert.throws(() => disks.restore("one", "first", { capBytes: MiB, undo }), ofDisk("one"));
    assert.throws(() => disks.restore("one", "first", { paths, capBytes: 5 * MiB, undo }), ofDisk("one"));
  }
  assert.equal(repository.listSnapshots("one").length, snapshots);
  assert.equal(disks.snapshot("one", { name: "after" }).snapshot.tree, before.tree);
  assert.deepEqual(disks.usage("one"), before.usage);
  assert.ok(!fs.readdirSync(`${root}/disks/one`).includes("build"));
});

void test("one that stays below it is done", (t) => {
  const { disks } = makeBench(t);
  disks.restore("one", "first", { paths, capBytes: 7 * MiB });
  assert.ok(disks.usage("one").referencedBytes > 6 * MiB);
  disks.restore("one", "first", { capBytes: 3 * MiB });
  assert.ok(disks.usage("one").referencedBytes < 3 * MiB);
});

void test("a copy that would be beyond its cap is not made", (t) => {
  const { disks } = makeBench(t);
  assert.throws(() => disks.clone("one", { id: "two", capBytes: 3 * MiB }), ofDisk("two"));
  assert.throws(() => disks.clone("one", { id: "two", snapshot: "first", capBytes: MiB }), ofDisk("two"));
  assert.deepEqual(
    disks.list().map(({ id }) => id),
    ["one"],
  );
  disks.clone("one", { id: "two", snapshot: "first", capBytes: 3 * MiB });
  disks.clone("one", { id: "three", capBytes: 5 * MiB });
});

void test("a cap on inodes holds restores and copies, and is named", (t) => {
  const { disks } = makeBench(t);
  const { referencedInodes } = disks.usage("one");
  const ofInodes = (id: string) => (error: unknown) => {
    assert.ok(error instanceof StoreError && error.code === "quota_exceeded", String(error));
    const { disk, usedInodes, neededInodes, capInodes, capBytes } = error.data;
    assert.deepEqual([disk, capBytes], [id, undefined]);
    assert.ok(Number(usedInodes) + Number(neededInodes) > Number(capInodes), JSON.stringify(error.data));
    assert.match(error.message, /inodes/);
    return true;
  };
  assert.throws(() => disks.restore("one", "first", { paths, capInodes: 3 }), ofInodes("one"));
  assert.throws(() => disks.clone("one", { id: "two", capInodes: 2 }), ofInodes("two"));
  assert.throws(() => disks.clone("one", { id: "two", snapshot: "first", capInodes: 2 }), ofInodes("two"));
  disks.restore("one", "first", { paths, capInodes: 2 * referencedInodes });
  disks.clone("one", { id: "two", snapshot: "first", capInodes: 2 * referencedInodes });
});
