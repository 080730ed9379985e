/** What every driver of disks must do, wherever the temporary directory is; `filesystems.test.ts` takes it to others. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { layersMax } from "../../src/limits.js";
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
  withoutSyncs,
} from "./mounted.js";

for (const driver of ["overlay", "directory"] as const) {
  const noMount = driver === "overlay" && noOverlay;

  void test(
    `${driver}: a new disk shows its initial directories with exactly their modes`,
    { skip: noMount },
    (t) => {
      const bench = newBench(t, layersMax, withoutSyncs);
      const info = bench.disks.create({
        id: "one",
        driver,
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
    },
  );

  void test(
    `${driver}: a clone has what its source had, and neither sees the other's changes`,
    { skip: noMount },
    (t) => {
      const bench = newBench(t, layersMax, withoutSyncs);
      bench.disks.create({ id: "one", driver });
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
    },
  );

  void test(`${driver}: deleting a source never affects its clones`, { skip: noMount }, (t) => {
    const bench = newBench(t, layersMax, withoutSyncs);
    bench.disks.create({ id: "one", driver });
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
    `${driver}: restore brings back every state, through layers and, when these are gone, through trees`,
    { skip: noMount || noRsync },
    (t) => {
      const bench = newBench(t, layersMax, withoutSyncs);
      bench.disks.create({ id: "one", driver });
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
      const order = [0, 3, 1, 2];
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
      }
    },
  );

  void test(`${driver}: the answer of a restore and of its dry run say the same`, { skip: noMount }, (t) => {
    const bench = newBench(t, layersMax, withoutSyncs);
    bench.disks.create({ id: "one", driver });
    onDisk(bench, "one", "mkdir d; echo 1 >d/kept; echo 2 >d/changed; echo 3 >gone; mkdir e; touch e/x e/y");
    bench.disks.snapshot("one", { name: "base" });
    onDisk(
      bench,
      "one",
      "echo 22 >d/changed; rm gone; rm -r e; echo new >new; chmod 700 d; touch -r d/kept d",
    );
    const before = manifestOf(bench, "one");
    const {
      durationMs: _,
      writtenBytes: none,
      ...dry
    } = bench.disks.restore("one", "base", { dryRun: true });
    assert.equal(manifestOf(bench, "one"), before);
    const { durationMs: __, writtenBytes: ___, ...real } = bench.disks.restore("one", "base");
    assert.equal(none, 0);
    assert.deepEqual(real, dry);
    // Back come "gone" and "e" with two files; "d" and "d/changed" change; "new" goes; "d/kept" stays.
    assert.deepEqual(
      { created: real.created, changed: real.changed, deleted: real.deleted, unchanged: real.unchanged },
      { created: 4, changed: 2, deleted: 1, unchanged: 1 },
    );
  });

  void test(`${driver}: an undo snapshot brings back what a restore threw away`, { skip: noMount }, (t) => {
    const bench = newBench(t, layersMax, withoutSyncs);
    bench.disks.create({ id: "one", driver });
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

  void test(`${driver}: restoring only some paths leaves all else as it is`, { skip: noMount }, (t) => {
    const bench = newBench(t, layersMax, withoutSyncs);
    bench.disks.create({ id: "one", driver });
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

  void test(
    `${driver}: a path that is nowhere is refused, and no undo snapshot is left`,
    { skip: noMount },
    (t) => {
      const bench = newBench(t, layersMax, withoutSyncs);
      bench.disks.create({ id: "one", driver });
      onDisk(bench, "one", "echo 1 >f");
      bench.disks.snapshot("one", { name: "base" });
      onDisk(bench, "one", "echo 2 >f");
      const before = manifestOf(bench, "one");
      const paths = ["f", "none"].map((path) => Buffer.from(path));
      const restore = (): unknown => bench.disks.restore("one", "base", { paths, undo: true });
      assert.throws(restore, withCode("path_not_found"));
      assert.equal(manifestOf(bench, "one"), before);
      assert.deepEqual(
        bench.repository.listSnapshots("one").map(({ name }) => name),
        ["base"],
      );
    },
  );

  void test(`${driver}: a live snapshot has what the mount shows`, { skip: noMount }, (t) => {
    const bench = newBench(t, layersMax, withoutSyncs);
    bench.disks.create({ id: "one", driver });
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

  void test(
    `${driver}: a snapshot without changes is the same tree, and adds no layer`,
    { skip: noMount },
    (t) => {
      const bench = newBench(t, layersMax, withoutSyncs);
      bench.disks.create({ id: "one", driver });
      const first = bench.disks.snapshot("one").snapshot;
      const second = bench.disks.snapshot("one").snapshot;
      assert.equal(second.tree, first.tree);
      assert.equal(second.parent, first.id);
      assert.equal(bench.disks.get("one").layers, driver === "overlay" ? 1 : 0);
      onDisk(bench, "one", "chmod 700 .");
      assert.notEqual(bench.disks.snapshot("one").snapshot.tree, first.tree);
      assert.equal(onDisk(bench, "one", "stat -c %a ."), "700\n");
    },
  );

  void test(
    `${driver}: hard links are whole again when only one of their names had changed`,
    { skip: noMount },
    (t) => {
      const bench = newBench(t, layersMax, withoutSyncs);
      bench.disks.create({ id: "one", driver });
      onDisk(bench, "one", "mkdir d e; echo 1 >d/a; ln d/a e/b; ln d/a c");
      bench.disks.snapshot("one", { name: "linked" });
      const linked = manifestOf(bench, "one");
      const layers = fs.readdirSync(`${bench.root}/layers`).filter((name) => name !== "empty");
      onDisk(bench, "one", "rm d/a; echo 2 >d/a");
      bench.disks.snapshot("one", { name: "apart" });
      for (const layer of layers) fs.rmSync(`${bench.root}/layers/${layer}/tree`, { force: true });
      bench.disks.restore("one", "linked");
      assert.equal(manifestOf(bench, "one"), linked);
    },
  );
}
