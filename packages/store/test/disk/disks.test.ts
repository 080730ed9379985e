import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { withCode } from "../errors.js";
import {
  assertLikeCopy,
  copyOf,
  manifestOf,
  newBench,
  noOverlay,
  noRsync,
  onDisk,
  runMounted,
} from "./mounted.js";

const skip = noOverlay;

void test("a new disk shows its initial directories with exactly their modes", { skip }, (t) => {
  const bench = newBench(t);
  const info = bench.disks.create({
    id: "one",
    directories: [
      { path: "workspace", mode: 0o1777 },
      { path: "home/user/.cache", mode: 0o700 },
      { path: "home/user", mode: 0o750 },
    ],
  });
  assert.equal(info.layers, 0);
  assert.equal(info.attached, false);
  assert.equal(
    onDisk(bench, "one", "find . -printf '%p %m\\n' | sort"),
    ". 755\n./home 755\n./home/user 750\n./home/user/.cache 700\n./workspace 1777\n",
  );
});

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

void test("a clone has what its source had, and neither sees the other's changes", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  onDisk(
    bench,
    "one",
    "mkdir -m 700 d; echo shared >d/f; chmod 1750 .; setfattr -n user.root -v 1 .; touch -d 2001-02-03T04:05:06.789 .",
  );
  const before = manifestOf(bench, "one");
  bench.disks.clone("one", { id: "two" });
  assert.equal(manifestOf(bench, "one"), before);
  assert.equal(manifestOf(bench, "two"), before);
  assert.equal(onDisk(bench, "two", "getfattr --only-values -n user.root ."), "1");
  onDisk(bench, "two", "echo changed >d/f; echo new >d/g");
  assert.equal(manifestOf(bench, "one"), before);
  onDisk(bench, "one", "rm -r d");
  assert.equal(onDisk(bench, "two", "cat d/f d/g"), "changed\nnew\n");
});

void test("deleting a source never affects its clones", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "seq 1 10000 >numbers");
  bench.disks.clone("one", { id: "two" });
  const before = manifestOf(bench, "two");
  bench.disks.delete("one");
  assert.equal(manifestOf(bench, "two"), before);
  const { freedBytes } = bench.disks.delete("two");
  assert.ok(freedBytes > 48_000);
  assert.deepEqual(
    fs.readdirSync(`${bench.root}/layers`).filter((name) => name !== "empty"),
    [],
  );
  assert.deepEqual(fs.readdirSync(`${bench.root}/trash`), []);
});

void test(
  "restore brings back every state, through layers and, when these are gone, through trees",
  { skip: skip || noRsync },
  (t) => {
    const bench = newBench(t);
    bench.disks.create({ id: "one" });
    const states = [
      "mkdir -p a/b c; echo 1 >a/b/f; echo 2 >c/g; ln c/g a/link; ln -s target a/sym; mkfifo c/pipe; setfattr -n user.x -v y c",
      "rm -rf c; mkdir c; echo other >c/new; echo more >>a/b/f; chmod 640 a/link",
      "rm -r a/b; echo file >a/b; rm c/new; mkdir c/new; touch c/new/x; rm a/sym; mkdir a/sym; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"a/s\")' || mkfifo a/s",
      "rm a/b; mkdir a/b; mv c d 2>/dev/null || { cp -a c d; rm -rf c; }; setfattr -n user.overlay.opaque -v y d || true",
    ];
    const copies: string[] = [];
    const manifests: string[] = [];
    for (const [n, script] of states.entries()) {
      onDisk(bench, "one", script);
      assert.deepEqual(bench.disks.snapshot("one", { name: `s${n}` }).problems, []);
      copies.push(copyOf(bench, t, "one"));
      manifests.push(manifestOf(bench, "one"));
    }
    const check = (n: number): void => {
      const result = bench.disks.restore("one", `s${n}`);
      assert.deepEqual(result.problems, []);
      assert.equal(manifestOf(bench, "one"), manifests[n]);
      assertLikeCopy(bench, "one", copies[n] as string);
    };
    const order = [0, 3, 1, 2, 0, 2, 3, 1];
    for (const n of order) check(n);
    for (const n of order) {
      bench.disks.sweepLayers();
      check(n);
    }
    // Without any layer: a clone of a snapshot of a disk whose layers know nothing.
    for (const layer of fs.readdirSync(`${bench.root}/layers`)) {
      fs.rmSync(`${bench.root}/layers/${layer}/tree`, { force: true });
    }
    for (const n of order) {
      bench.disks.clone("one", { id: `clone-${n}`, snapshot: `s${n}` });
      assert.equal(manifestOf(bench, `clone-${n}`), manifests[n]);
      assertLikeCopy(bench, `clone-${n}`, copies[n] as string);
      bench.disks.delete(`clone-${n}`);
      check(n);
    }
  },
);

void test("the answer of a restore and of its dry run say the same", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "mkdir d; echo 1 >d/kept; echo 2 >d/changed; echo 3 >gone; mkdir e; touch e/x e/y");
  bench.disks.snapshot("one", { name: "base" });
  onDisk(bench, "one", "echo 22 >d/changed; rm gone; rm -r e; echo new >new; chmod 700 d; touch -r d/kept d");
  const before = manifestOf(bench, "one");
  const { durationMs: _, ...dry } = bench.disks.restore("one", "base", { dryRun: true });
  assert.equal(manifestOf(bench, "one"), before);
  const { durationMs: __, ...real } = bench.disks.restore("one", "base");
  assert.deepEqual(real, dry);
  // Back come "gone" and "e" with two files; "d" and "d/changed" change; "new" goes; "d/kept" stays.
  assert.deepEqual(
    { created: real.created, changed: real.changed, deleted: real.deleted, unchanged: real.unchanged },
    { created: 4, changed: 2, deleted: 1, unchanged: 1 },
  );
});

void test("an undo snapshot brings back what a restore threw away", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "echo 1 >f");
  bench.disks.snapshot("one", { name: "base" });
  onDisk(bench, "one", "echo 2 >f; echo 3 >g");
  const before = manifestOf(bench, "one");
  const { undo } = bench.disks.restore("one", "base", { undo: true });
  assert.match(undo?.name ?? "", /^undo-/);
  assert.equal(undo?.comment, 'before restoring "base"');
  assert.equal(onDisk(bench, "one", "cat f; ls"), "1\nf\n");
  bench.disks.restore("one", undo?.name ?? "");
  assert.equal(manifestOf(bench, "one"), before);
});

void test("restoring only some paths leaves all else as it is", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "mkdir -p d/e f; echo 1 >d/e/x; echo 1 >d/y; echo 1 >f/z; echo 1 >top");
  bench.disks.snapshot("one", { name: "base" });
  onDisk(bench, "one", "echo 2 >d/e/x; echo 2 >d/y; rm -r f; echo 2 >top; echo new >new; echo new >d/new");
  const paths = ["d/e", "f/z", "new"].map((path) => Buffer.from(path));
  const result = bench.disks.restore("one", "base", { paths });
  assert.deepEqual([result.created, result.changed, result.deleted], [2, 1, 1]);
  assert.equal(
    onDisk(bench, "one", "cat d/e/x d/y f/z top d/new; find . | sort | tr '\\n' ' '"),
    "1\n2\n1\n2\nnew\n. ./d ./d/e ./d/e/x ./d/new ./d/y ./f ./f/z ./top ",
  );
  bench.disks.snapshot("one", { name: "after" });
  bench.disks.restore("one", "after");
  assert.equal(onDisk(bench, "one", "cat d/e/x d/y f/z"), "1\n2\n1\n");
});

void test("a live snapshot has what the mount shows", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "mkdir d; echo 1 >d/f; echo 1 >g");
  bench.disks.snapshot("one", { name: "base" });
  const mount = bench.disks.attach("one");
  runMounted(mount, "echo 2 >d/f; rm g; mkdir h");
  const { snapshot } = bench.disks.snapshot("one", { name: "live", live: true });
  assert.equal(snapshot.consistency, "live");
  runMounted(mount, "echo 3 >d/f");
  bench.disks.detach("one");
  bench.disks.restore("one", "live");
  assert.equal(onDisk(bench, "one", "cat d/f; ls"), "2\nd\nh\n");
  const idle = bench.disks.snapshot("one", { name: "idle" }).snapshot;
  assert.equal(idle.tree, snapshot.tree);
});

void test("a snapshot without changes is the same tree, and adds no layer", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  const first = bench.disks.snapshot("one").snapshot;
  const second = bench.disks.snapshot("one").snapshot;
  assert.equal(second.tree, first.tree);
  assert.equal(second.parent, first.id);
  assert.equal(bench.disks.get("one").layers, 1);
  onDisk(bench, "one", "chmod 700 .");
  assert.notEqual(bench.disks.snapshot("one").snapshot.tree, first.tree);
  assert.equal(onDisk(bench, "one", "stat -c %a ."), "700\n");
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

void test("hard links are whole again when only one of their names had changed", { skip }, (t) => {
  const bench = newBench(t);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "mkdir d e; echo 1 >d/a; ln d/a e/b; ln d/a c");
  bench.disks.snapshot("one", { name: "linked" });
  const linked = manifestOf(bench, "one");
  const layers = fs.readdirSync(`${bench.root}/layers`).filter((name) => name !== "empty");
  onDisk(bench, "one", "rm d/a; echo 2 >d/a");
  bench.disks.snapshot("one", { name: "apart" });
  for (const layer of layers) fs.rmSync(`${bench.root}/layers/${layer}/tree`, { force: true });
  bench.disks.restore("one", "linked");
  assert.equal(manifestOf(bench, "one"), linked);
});
