/** Run on a filesystem with shared extents: copies of a directory disk must take no room for content. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { test } from "node:test";
import { physicalUsage } from "../../src/maintenance/physical-usage.js";
import { Work } from "../../src/snapshot/work.js";
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

/** The disk's own directories and descriptions, and what the filesystem needs to say where content lies. */
const besidesBytesMax = 256 * 1024;

function isAbout(bytes: number | undefined, expectedBytes: number): void {
  const over = (bytes ?? -1) - expectedBytes;
  assert.ok(over >= 0 && over <= besidesBytesMax, `${bytes} bytes where ${expectedBytes} lie in extents`);
}

void test("shared extents count once for the store, and are exclusive to none of those that share them", (t) => {
  const { disks, repository, root } = newBench(t);
  const asked = () => {
    // What is deleted goes to the device, and what is written gets its place.
    spawnSync("sync", ["-f", root]);
    const usage = physicalUsage(repository, disks, new Work("check"));
    assert.ok(usage !== null);
    return { ...usage, of: (id: string) => usage.disks.find((disk) => disk.id === id) };
  };
  disks.create({ id: "one", driver: "directory" });
  const write = (id: string, change: (path: string) => void): void => {
    const mount = disks.attach(id);
    assert.equal(mount.driver, "directory");
    change(mount.path);
    disks.detach(id);
  };
  write("one", (at) => fs.writeFileSync(`${at}/large`, randomBytes(contentBytes)));
  isAbout(asked().of("one")?.exclusiveBytes, contentBytes);
  for (const id of ["two", "three"]) disks.clone("one", { id });
  const shared = asked();
  isAbout(shared.totalBytes, contentBytes);
  assert.ok(shared.allocatedBytes >= 3 * contentBytes);
  for (const id of ["one", "two", "three"]) {
    isAbout(shared.of(id)?.exclusiveBytes, 0);
    isAbout(shared.of(id)?.referencedBytes, contentBytes);
  }

  const changedBytes = contentBytes / 4;
  write("two", (at) => {
    const fd = fs.openSync(`${at}/large`, "r+");
    fs.writeSync(fd, randomBytes(changedBytes), 0, changedBytes, contentBytes / 2);
    fs.closeSync(fd);
  });
  const changed = asked();
  isAbout(changed.of("two")?.exclusiveBytes, changedBytes);
  isAbout(changed.of("two")?.referencedBytes, contentBytes);
  isAbout(changed.totalBytes, contentBytes + changedBytes);

  const before = freeBytes(root);
  disks.delete("two");
  disks.delete("three");
  isAbout(asked().of("one")?.exclusiveBytes, contentBytes);
  // Filesystems give back deleted space in their own time.
  const deadline = Date.now() + 20_000;
  while (freeBytes(root) - before < changedBytes - besidesBytesMax && Date.now() < deadline)
    spawnSync("sleep", ["0.1"]);
  assert.ok(freeBytes(root) - before >= changedBytes - besidesBytesMax);

  // Whoever shares from outside the store keeps it from being freed.
  write("one", (at) =>
    assert.equal(spawnSync("cp", ["--reflink=always", `${at}/large`, `${root}-copy`]).status, 0),
  );
  t.after(() => fs.rmSync(`${root}-copy`, { force: true }));
  isAbout(asked().of("one")?.exclusiveBytes, 0);
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
