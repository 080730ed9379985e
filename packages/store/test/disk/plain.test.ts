/** The driver `directory` answers as the overlay driver does, wherever no mount is needed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestOf, newBench, onDisk } from "./mounted.js";

void test("a plain disk is snapshotted, restored, cloned and deleted", (t) => {
  const bench = newBench(t);
  const { disks } = bench;
  disks.create({ id: "one", driver: "directory", directories: [{ path: "d", mode: 0o750 }] });
  assert.equal(disks.get("one").driver, "directory");
  onDisk(
    bench,
    "one",
    "echo 1 >d/f; ln d/f link; ln -s f sym; mkfifo pipe; chmod 1711 .; touch -d 2001-02-03T04:05:06.789 .",
  );
  const first = manifestOf(bench, "one");
  assert.deepEqual(disks.snapshot("one", { name: "s1" }).problems, []);
  disks.clone("one", { id: "two" });
  assert.equal(manifestOf(bench, "two"), first);
  onDisk(bench, "one", "rm -r d; echo 2 >d; rm sym; mkdir sym; touch sym/x");
  const second = manifestOf(bench, "one");
  const { undo } = disks.restore("one", "s1", { undo: true });
  assert.equal(manifestOf(bench, "one"), first);
  disks.restore("one", undo?.name ?? "");
  assert.equal(manifestOf(bench, "one"), second);
  disks.clone("one", { id: "three", snapshot: "s1" });
  assert.equal(manifestOf(bench, "three"), first);
  disks.delete("one");
  assert.equal(manifestOf(bench, "two"), first);
  assert.deepEqual(
    disks.list().map(({ id, layers }) => [id, layers]),
    [
      ["three", 0],
      ["two", 0],
    ],
  );
});
