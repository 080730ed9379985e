import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import type { ChangesMount } from "../../src/api.js";
import { anywhere } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { Random, seedOfRun } from "../random.js";
import { depth } from "../simulation/share.js";
import {
  newBench,
  noOverlay,
  removeDirectory,
  runMounted,
  temporaryDirectory,
  withoutSyncs,
} from "./mounted.js";
import type { Bench } from "./mounted.js";

/** Everything that a directory shows, by programs that start at once. */
const showAll = "find . -printf '%p %M %U:%G %T@ %l\\n' | sort; find . -type f -exec sha256sum {} + | sort";

/** A tree that the store does not have. */
function newImage(t: TestContext): string {
  const image = temporaryDirectory();
  t.after(() => removeDirectory(image));
  for (const top of ["a", "b", "c"]) {
    for (const below of ["a", "b"]) fs.mkdirSync(path.join(image, top, below, "c"), { recursive: true });
    for (const name of ["d", "a/d", "b/c/d", "b/e"])
      fs.writeFileSync(path.join(image, top, name), `${top}/${name}`);
  }
  return image;
}

function runOver(image: string, { lower, upper, work }: ChangesMount, script: string): string {
  return runMounted({ driver: "overlay", layersDir: "/", lower: [...lower, image], upper, work }, script);
}

/** Runs a script in the image with what the disk has of changes to it. */
function onImage(bench: Bench, id: string, image: string, script: string): string {
  bench.disks.attach(id);
  try {
    return runOver(image, bench.disks.changes(id), script);
  } finally {
    bench.disks.detach(id);
  }
}

/** Lines of shell, any of which may fail. */
function randomScript(random: Random, lines: number): string {
  const some = (): string =>
    Array.from({ length: 1 + random.below(3) }, () => random.pick(["a", "b", "c", "d", "e"])).join("/");
  const line = (): string => {
    const [one, other] = [some(), some()];
    return random.pick([
      `mkdir -p ${one}`,
      `mkdir ${one}`,
      `rm -rf ${one}`,
      `rm -rf ${one}; mkdir ${one}`,
      `echo ${String(random.word())} > ${one}`,
      `echo ${String(random.word())} > ${one}`,
      `chmod ${random.chance(0.5) ? "700" : "755"} ${one}`,
      `mv -T ${one} ${other}`,
      `ln ${one} ${other}`,
      `ln -s ${one} ${other}`,
      `touch ${one}`,
    ]);
  };
  return Array.from({ length: lines }, () => `{ ${line()}; } 2>/dev/null || :`).join("\n");
}

void test(
  "what is changed of a tree that the store lacks stays as the mount shows it: in snapshots, copies, restores, merged layers",
  { skip: noOverlay },
  (t) => {
    const random = new Random(seedOfRun());
    t.diagnostic(`seed ${String(random.seed)}`);
    const image = newImage(t);
    // Short stacks, so that layers are merged all the time.
    const bench = newBench(t, 4, withoutSyncs);
    const { disks } = bench;
    const shown = (id: string): string => onImage(bench, id, image, showAll);
    disks.create({ id: "d0" });
    let disk = "d0";
    const snapshots: { disk: string; name: string; shown: string }[] = [];
    for (let step = 1; step <= 8 * depth; step++) {
      const before = onImage(bench, disk, image, `${randomScript(random, 6)}\n${showAll}`);
      const pick = random.pick(["snapshot", "snapshot", "live", "clone", "restore", "clone snapshot"]);
      const context = `step ${String(step)}: ${pick}`;
      const earlier = snapshots.filter((snapshot) => snapshot.disk === disk);
      const name = `s${String(step)}`;
      if (pick === "snapshot") {
        disks.snapshot(disk, { name });
        snapshots.push({ disk, name, shown: before });
      } else if (pick === "live") {
        disks.attach(disk);
        runOver(image, disks.changes(disk), ":");
        disks.snapshot(disk, { name, live: true });
        disks.detach(disk);
        snapshots.push({ disk, name, shown: before });
      } else if (pick === "clone") {
        const source = disk;
        disk = `d${String(step)}`;
        disks.clone(source, { id: disk });
        assert.equal(shown(source), before, `${context}, the source`);
      } else if (earlier.length > 0) {
        const wanted = random.pick(earlier);
        if (pick === "restore") disks.restore(disk, wanted.name);
        else {
          const source = disk;
          disk = `d${String(step)}`;
          disks.clone(source, { id: disk, snapshot: wanted.name });
        }
        assert.equal(shown(disk), wanted.shown, context);
        continue;
      }
      assert.equal(shown(disk), before, context);
    }
  },
);

void test(
  "the same changes are the same tree, and no change is no snapshot's cost",
  { skip: noOverlay },
  (t) => {
    const image = newImage(t);
    const bench = newBench(t);
    const { disks } = bench;
    disks.create({ id: "one" });
    onImage(bench, "one", image, "rm a/d; rm -r b/b; mkdir b/b; touch -d @7 b/b b a");
    const first = disks.snapshot("one").snapshot;
    onImage(bench, "one", image, "ls -R . >/dev/null");
    const second = disks.snapshot("one").snapshot;
    assert.equal(second.tree, first.tree);
    assert.equal(disks.get("one").layers, 1);
    onImage(bench, "one", image, "echo more > a/d; rm a/d; touch -d @7 a");
    assert.equal(disks.snapshot("one").snapshot.tree, first.tree);
  },
);

void test(
  "below what hides all of it, nothing is kept that hides or removes, whatever order it was made in",
  { skip: noOverlay },
  (t) => {
    const image = newImage(t);
    const bench = newBench(t);
    const { disks } = bench;
    const touch = "find a -exec touch -hd @7 {} +; touch -d @7 .";
    disks.create({ id: "one" });
    onImage(bench, "one", image, `rm -r a; mkdir -p a/b/c; ${touch}`);
    const plain = disks.snapshot("one").snapshot;
    onImage(bench, "one", image, `echo x > a/b/c/x; echo y > a/y; ${touch}`);
    disks.snapshot("one");
    // The upper now gets marks of its own over what lies in layers.
    onImage(bench, "one", image, `rm -r a/b a/y; mkdir -p a/b/c; ${touch}`);
    assert.equal(disks.snapshot("one").snapshot.tree, plain.tree);
  },
);

void test(
  "a layer that is built for a restore takes back what the layer below it changed",
  { skip: noOverlay },
  (t) => {
    const image = newImage(t);
    const bench = newBench(t, undefined, withoutSyncs);
    const { disks } = bench;
    disks.create({ id: "one" });
    const before = onImage(bench, "one", image, `echo first > a/new\n${showAll}`);
    disks.attach("one");
    disks.changes("one");
    // No layer shows a live snapshot.
    disks.snapshot("one", { name: "live", live: true });
    disks.detach("one");
    onImage(bench, "one", image, "rm -r b a/d; echo second > a/newer");
    disks.snapshot("one");
    disks.restore("one", "live");
    assert.equal(onImage(bench, "one", image, showAll), before);
  },
);

void test("changes of a disk that is a plain directory are kept as well", { skip: noOverlay }, (t) => {
  const image = newImage(t);
  const bench = newBench(t);
  const { disks } = bench;
  disks.create({ id: "one", driver: "directory" });
  const before = onImage(bench, "one", image, `rm a/d; rm -r b/b; mkdir b/b; echo new > c/new\n${showAll}`);
  disks.snapshot("one", { name: "s" });
  onImage(bench, "one", image, "rm -r a b; rm c/new");
  disks.restore("one", "s");
  assert.equal(onImage(bench, "one", image, showAll), before);
  disks.clone("one", { id: "two", snapshot: "s" });
  assert.equal(onImage(bench, "two", image, showAll), before);
});

void test("a link in the place of changes is refused", (t) => {
  const { disks } = newBench(t);
  disks.create({ id: "one" });
  const mount = disks.attach("one");
  assert.ok(mount.driver === "overlay");
  linuxFiles.makeSymlink(Buffer.from("/etc"), anywhere, `${mount.upper}/.image-changes`);
  assert.throws(() => disks.changes("one"), { code: "corrupt" });
});
