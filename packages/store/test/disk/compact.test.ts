import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { test } from "node:test";
import { StoreError } from "../../src/errors.js";
import { layersMax } from "../../src/limits.js";
import { anywhere, type Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { withCode } from "../errors.js";
import {
  assertLikeCopy,
  copyOf,
  manifestOf,
  newBench,
  noOverlay,
  noRsync,
  onDisk,
  openBench,
  withoutSyncs,
  type Bench,
} from "./mounted.js";

const skip = noOverlay || noRsync;

function layersOf(bench: Bench, id: string): number {
  return bench.disks.get(id).layers;
}

/** The files of the topmost layer under a disk. */
function topOf({ root }: Bench, id: string): string {
  const { top } = JSON.parse(fs.readFileSync(`${root}/disks/${id}/disk.json`, "utf8")) as { top: string };
  return `${root}/layers/${top}/files`;
}

function marksIn(directory: string): string[] {
  const whiteouts = spawnSync("find", [directory, "-type", "c", "-printf", "%P removed\\n"], {
    encoding: "utf8",
  }).stdout.split("\n");
  const opaque = spawnSync(
    "getfattr",
    ["-R", "-P", "-h", "--absolute-names", "-n", "user.overlay.opaque", directory],
    { encoding: "utf8" },
  )
    .stdout.split("\n")
    .filter((line) => line.startsWith("# file: "))
    .map((line) => `${line.slice(`# file: ${directory}/`.length)} opaque`);
  return [...whiteouts.filter((line) => line !== ""), ...opaque].sort();
}

/** Writes what overlayfs would have written. */
function writeUnmounted(bench: Bench, id: string, write: (upper: string) => void): void {
  const mount = bench.disks.attach(id);
  assert.equal(mount.driver, "overlay");
  write(mount.upper);
  bench.disks.detach(id);
}

void test("a disk of 150 snapshots mounts and shows what it should", { skip }, (t) => {
  const bench = newBench(t, layersMax, withoutSyncs);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "mkdir d; seq 300 | sed 's,^,d/base,' | xargs touch; echo 0 >counter");
  const kept = new Map<string, string>();
  let compactions = 0;
  let before = layersOf(bench, "one");
  for (let n = 0; n < 150; n++) {
    if (n === 0 || n % 6 === 4) {
      const script = [
        `echo ${n} >counter; echo ${n} >f${n % 7}; mkdir -p d/e${n % 5}; echo ${n} >d/e${n % 5}/g${n % 3}`,
        `rm -rf d/base${n + 1} f${(n + 3) % 7} d/e2; mkdir d/e2; ln counter link${n}`,
        `setfattr -n user.n -v ${n} d/e2; chmod 7${n % 8}0 d/e2`,
      ];
      onDisk(bench, "one", script.join("\n"));
    } else {
      writeUnmounted(bench, "one", (upper) => {
        fs.writeFileSync(`${upper}/counter`, `${n}\n`);
        fs.mkdirSync(`${upper}/d`, { recursive: true });
        fs.rmSync(`${upper}/d/base${n + 1}`, { force: true });
        const node = { type: "character", mode: 0, major: 0, minor: 0 } as const;
        linuxFiles.makeNode(anywhere, `${upper}/d/base${n + 1}`, node);
      });
    }
    if (n % 30 === 10) kept.set(`s${n}`, copyOf(bench, t, "one"));
    assert.deepEqual(bench.disks.snapshot("one", { name: `s${n}` }).problems, []);
    const layers = layersOf(bench, "one");
    assert.ok(layers <= layersMax, `${layers} layers after snapshot ${n}`);
    if (layers < before) compactions += 1;
    before = layers;
  }
  assert.ok(compactions >= 2, `${compactions} compactions`);
  assert.equal(onDisk(bench, "one", "cat counter; ls d | grep -c base"), "149\n150\n");
  const shown = manifestOf(bench, "one");
  bench.disks.sweepLayers();
  assert.equal(manifestOf(bench, "one"), shown);
  for (const [name, copy] of kept) {
    bench.disks.restore("one", name);
    assertLikeCopy(bench, "one", copy);
  }
});

void test("every kind of change is as it was after a merge", { skip }, (t) => {
  const changes = [
    "mkdir -p removed replaced file-then-dir/x plain/deep; touch removed/a replaced/old plain/deep/{1,2}; echo 1 >dir-then-file; ln -s a sym; mkfifo pipe",
    "rm -r removed; rm -r replaced; mkdir replaced; touch replaced/new; rm -r file-then-dir; echo 2 >file-then-dir; rm pipe; mkdir pipe; touch pipe/x",
    "rm dir-then-file; mkdir dir-then-file; touch dir-then-file/y; rm replaced/new; echo 1 >linked; ln linked plain/linked; ln linked plain/deep/linked; ln -s b symlinked; ln -P symlinked symlinked-too",
    "mkdir removed; touch removed/b; setfattr -n user.x -v 1 plain; setfattr -n user.overlay.opaque -v y plain; setfattr -n user.overlay.whiteout -v y linked; chmod 2750 plain/deep; touch -d 2001-02-03T04:05:06.789 plain",
    "rm plain/deep/1; echo more >>plain/linked; rm sym; chmod 1700 .; setfattr -n user.root -v here .; touch -d 2002-02-03T04:05:06.789 .",
  ];
  for (const limit of [changes.length + 1, 3]) {
    const bench = newBench(t, limit, withoutSyncs);
    bench.disks.create({ id: "one" });
    // Large enough to stay below what is merged.
    onDisk(
      bench,
      "one",
      "mkdir removed plain; seq 200 | sed 's,^,removed/,' | xargs touch; touch plain/base",
    );
    bench.disks.snapshot("one", { name: "base" });
    for (const [n, script] of changes.entries()) {
      onDisk(bench, "one", script.replaceAll("plain/deep/{1,2}", "plain/deep/1 plain/deep/2"));
      const copy = copyOf(bench, t, "one");
      const shown = manifestOf(bench, "one");
      bench.disks.snapshot("one", { name: `s${n}` });
      assert.equal(manifestOf(bench, "one"), shown, `layers at most ${limit}, change ${n}`);
      assertLikeCopy(bench, "one", copy);
    }
    assert.ok(layersOf(bench, "one") < limit);
  }
});

void test("marks stay while something is below, and go when nothing is", { skip }, (t) => {
  const bench = newBench(t, 3, withoutSyncs);
  bench.disks.create({ id: "one" });
  onDisk(bench, "one", "mkdir d e; seq 100 | sed 's,^,d/,' | xargs touch; touch e/1 gone");
  bench.disks.snapshot("one", { name: "base" });
  onDisk(bench, "one", "rm gone d/1; rm -r e");
  bench.disks.snapshot("one", { name: "less" });
  onDisk(bench, "one", "mkdir e; touch e/2 >e/3");
  bench.disks.snapshot("one", { name: "more" });
  const shown = manifestOf(bench, "one");
  assert.equal(layersOf(bench, "one"), 2);
  assert.deepEqual(marksIn(topOf(bench, "one")), ["d/1 removed", "e opaque", "gone removed"]);
  // As much above as below, so all is merged.
  onDisk(bench, "one", "mkdir f; seq 200 | sed 's,^,f/,' | xargs touch; rm e/2; rm -r d; mkdir d");
  const before = manifestOf(bench, "one");
  bench.disks.snapshot("one", { name: "much" });
  assert.equal(manifestOf(bench, "one"), before);
  assert.notEqual(before, shown);
  assert.equal(layersOf(bench, "one"), 1);
  assert.deepEqual(marksIn(topOf(bench, "one")), []);
});

void test("clones keep the layers they stand on, and usage says what deleting would free", { skip }, (t) => {
  const bench = newBench(t, 4);
  bench.disks.create({ id: "one" });
  for (let n = 0; n < 3; n++) {
    onDisk(bench, "one", `head -c 200000 /dev/urandom >f${n}; ln f${n} g${n}`);
    bench.disks.snapshot("one", { name: `s${n}` });
  }
  bench.disks.clone("one", { id: "two" });
  const shown = manifestOf(bench, "two");
  const copy = copyOf(bench, t, "two");
  const stack = bench.disks.get("two").layers;
  onDisk(bench, "one", "rm f0; echo changed >f1; head -c 100000 /dev/urandom >own");
  bench.disks.snapshot("one", { name: "own" });
  bench.disks.attach("one");
  bench.disks.detach("one");
  assert.equal(layersOf(bench, "one"), 1);
  bench.disks.sweepLayers();
  assert.equal(layersOf(bench, "two"), stack);
  assert.equal(manifestOf(bench, "two"), shown);
  assertLikeCopy(bench, "two", copy);
  // What the merge left shares its files with the layers of the clone.
  const usage = bench.disks.usage("one");
  assert.ok(usage.exclusiveBytes > 100_000 && usage.exclusiveBytes < 200_000, `${usage.exclusiveBytes}`);
  assert.ok(usage.referencedBytes > 700_000 && usage.referencedBytes < 800_000, `${usage.referencedBytes}`);
  assert.ok(bench.disks.usage("two").exclusiveBytes < 100_000);
  assert.equal(bench.disks.delete("one").freedBytes, usage.exclusiveBytes);
  assert.equal(manifestOf(bench, "two"), shown);
  const { exclusiveBytes } = bench.disks.usage("two");
  assert.ok(exclusiveBytes > 600_000);
  assert.equal(bench.disks.delete("two").freedBytes, exclusiveBytes);
});

void test("a merge that is not possible leaves the disk as it is, until its stack is twice too long", (t) => {
  const bench = newBench(t, 4);
  bench.disks.create({ id: "one" });
  const full: Files = {
    ...linuxFiles,
    link: () => {
      throw new StoreError("io_error", "link: EMLINK", { data: { errno: "EMLINK" } });
    },
  };
  const hindered = openBench(bench.root, full, 4);
  t.after(() => hindered.repository.close());
  for (let n = 0; n < 8; n++) {
    writeUnmounted(hindered, "one", (upper) => fs.writeFileSync(`${upper}/f${n}`, `${n}`));
    hindered.disks.snapshot("one", { name: `s${n}` });
    assert.equal(layersOf(hindered, "one"), n + 1);
    assert.deepEqual(fs.readdirSync(`${bench.root}/disks/one`).sort(), ["disk.json", "lock", `u${n + 2}`]);
  }
  assert.throws(() => hindered.disks.attach("one"), withCode("io_error"));
  assert.equal(layersOf(hindered, "one"), 8);
  // Whoever can merge it gets what was there.
  const { tree } = bench.disks.snapshot("one").snapshot;
  assert.ok(layersOf(bench, "one") <= 4);
  assert.equal(tree, bench.repository.getSnapshot("one", "s7").tree);
});
