import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { withCode } from "../errors.js";
import { newBench, noOverlay, onDisk } from "./mounted.js";

const skip = noOverlay;

void test("bad ids, names that exist, and disks that do not are refused", (t) => {
  const { disks } = newBench(t);
  disks.create({ id: "one" });
  for (const id of ["", "-a", "A", "a/b", "..", ".tmp-x", "a".repeat(65), "ä"]) {
    assert.throws(() => disks.create({ id }), withCode("invalid_argument"));
    assert.throws(() => disks.get(id), withCode("invalid_argument"));
    assert.throws(() => disks.attach(id), withCode("invalid_argument"));
  }
  assert.throws(() => disks.create({ id: "one" }), withCode("disk_exists"));
  assert.throws(() => disks.clone("one", { id: "one" }), withCode("disk_exists"));
  assert.throws(() => disks.get("two"), withCode("disk_not_found"));
  assert.throws(() => disks.delete("two"), withCode("disk_not_found"));
  assert.throws(() => disks.clone("two", { id: "three" }), withCode("disk_not_found"));
  assert.throws(() => disks.restore("one", "none"), withCode("snapshot_not_found"));
  assert.throws(() => disks.clone("one", { id: "three", snapshot: "none" }), withCode("snapshot_not_found"));
  for (const path of ["", "/etc", "a/../b", "a//b", "."]) {
    assert.throws(
      () => disks.create({ id: "three", directories: [{ path, mode: 0o755 }] }),
      withCode("invalid_argument"),
    );
  }
  assert.deepEqual(
    disks.list().map((disk) => disk.id),
    ["one"],
  );
});

void test("an attached disk is in use until it is detached", (t) => {
  const { disks } = newBench(t);
  disks.create({ id: "one" });
  disks.attach("one");
  assert.equal(disks.get("one").attached, true);
  assert.throws(() => disks.attach("one"), withCode("disk_in_use"));
  assert.throws(() => disks.clone("one", { id: "two" }), withCode("disk_in_use"));
  assert.throws(() => disks.snapshot("one"), withCode("disk_in_use"));
  assert.throws(() => disks.restore("one", "none"), withCode("disk_in_use"));
  assert.throws(() => disks.delete("one"), withCode("disk_in_use"));
  disks.detach("one");
  disks.detach("one");
  assert.throws(() => disks.snapshot("one", { live: true }), withCode("invalid_argument"));
  disks.clone("one", { id: "two" });
});

void test("the tree of a stack is the tree of the same files scanned anew", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  for (let n = 0; n < 6; n++) {
    onDisk(
      bench,
      "one",
      `mkdir -p d${n % 3}; echo ${n} >d${n % 3}/f${n}; rm -f d${(n + 1) % 3}/f${n - 2}; chmod 7${n}0 d${n % 3}`,
    );
    bench.disks.snapshot("one", { name: `s${n}` });
  }
  const { tree } = bench.disks.snapshot("one", { name: "last" }).snapshot;
  for (const layer of fs.readdirSync(`${bench.root}/layers`)) {
    fs.rmSync(`${bench.root}/layers/${layer}/tree`, { force: true });
  }
  assert.equal(bench.disks.snapshot("one", { name: "anew" }).snapshot.tree, tree);
});

void test("usage counts what deleting a disk would free", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "head -c 1000000 /dev/urandom >big");
  bench.disks.clone("one", { id: "two" });
  onDisk(bench, "two", "head -c 300000 /dev/urandom >more");
  const usage = bench.disks.usage("two");
  assert.ok(usage.referencedBytes > 1_300_000);
  assert.ok(usage.exclusiveBytes > 300_000 && usage.exclusiveBytes < 400_000);
  assert.equal(bench.disks.delete("two").freedBytes, usage.exclusiveBytes);
  const { exclusiveBytes, referencedBytes } = bench.disks.usage("one");
  assert.equal(exclusiveBytes, referencedBytes);
});
