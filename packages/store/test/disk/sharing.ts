/** Run on a filesystem with shared extents: copies of a directory disk must take no room for content. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { test } from "node:test";
import { manifestOf, newBench, onDisk, temporaryDirectory } from "./mounted.js";

const contentBytes = 16 * 1024 * 1024;

function freeBytes(directory: string): number {
  spawnSync("sync", ["-f", directory]);
  const { bavail, bsize } = fs.statfsSync(directory);
  return bavail * bsize;
}

void test("clones share their content with the source, and a restore keeps what it shares", (t) => {
  const bench = newBench(t);
  const { disks, root } = bench;
  disks.create({ id: "one", driver: "directory" });
  const mount = disks.attach("one");
  assert.equal(mount.driver, "directory");
  fs.writeFileSync(`${mount.path}/large`, randomBytes(contentBytes));
  fs.mkdirSync(`${mount.path}/d`);
  fs.linkSync(`${mount.path}/large`, `${mount.path}/d/link`);
  disks.detach("one");
  disks.snapshot("one", { name: "first" });
  const shown = manifestOf(bench, "one");

  const before = freeBytes(root);
  for (const id of ["two", "three"]) {
    disks.clone("one", { id });
    assert.equal(manifestOf(bench, id), shown);
  }
  onDisk(bench, "two", "echo more >small; rm d/link");
  assert.equal(disks.restore("two", disks.snapshot("two").snapshot.id).changed, 0);
  onDisk(bench, "one", "echo more >small");
  const { writtenBytes } = disks.restore("one", "first");
  assert.equal(writtenBytes, 0);
  assert.equal(manifestOf(bench, "one"), shown);
  assert.equal(manifestOf(bench, "three"), shown);
  const takenBytes = before - freeBytes(root);
  assert.ok(takenBytes < contentBytes / 4, `${takenBytes} bytes for copies of ${contentBytes}`);

  disks.delete("one");
  assert.equal(manifestOf(bench, "three"), shown);
});

void test("a directory disk is a subvolume exactly where the filesystem has them", (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one", driver: "directory" });
  bench.disks.clone("one", { id: "two" });
  const btrfsMagic = 0x9123683e;
  // The root of a subvolume always has this inode number.
  const subvolumeInode = 256;
  for (const id of ["one", "two"]) {
    const mount = bench.disks.attach(id);
    assert.equal(mount.driver, "directory");
    const isSubvolume = fs.statSync(mount.path).ino === subvolumeInode;
    assert.equal(isSubvolume, fs.statfsSync(temporaryDirectory()).type === btrfsMagic);
    bench.disks.detach(id);
  }
});
