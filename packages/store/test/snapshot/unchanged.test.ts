import assert from "node:assert/strict";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { test, type TestContext } from "node:test";
import { anywhere } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { owners } from "../../src/snapshot/owners.js";
import { EntryRows, WalkRecorder, type RecordedWalk } from "../../src/snapshot/recorded-walk.js";
import { scan, type WalkResult } from "../../src/snapshot/scan.js";
import { ComparisonThreads } from "../../src/snapshot/comparison-threads.js";
import { findUnchanged, type Unchanged } from "../../src/snapshot/unchanged.js";
import { Work } from "../../src/snapshot/work.js";
import { HashingWriter } from "../../src/tree/hashing-writer.js";
import { Random, seedOfRun } from "../random.js";
import { temporaryDirectory } from "../temporary.js";
import { MemoryObjects } from "../tree/memory-objects.js";
import { agedFiles } from "./aged-files.js";

interface Walks {
  source: string;
  /** Walks the source with what the last walk left, and says what that took. */
  again: (hasSameView?: boolean) => { tree: string; lists: number; reads: number; work: Work };
  /** The tree by a walk that knows of no other. */
  anew: () => string;
  denied: Set<string>;
}

/** A source in which all that has just been made counts as settled. */
function makeWalks(t: TestContext): Walks {
  const source = temporaryDirectory(t);
  const { files, calls, denied } = agedFiles();
  const objects = new HashingWriter(new MemoryObjects());
  const fd = linuxFiles.open(anywhere, source, { directory: true });
  t.after(() => linuxFiles.close(fd));
  let last: WalkResult | null = null;
  const count = (call: string): number => calls.filter((made) => made === call).length;
  return {
    source,
    again(hasSameView = true) {
      nextTick();
      calls.length = 0;
      const work = new Work("scan");
      const previous = last === null ? null : { ...last, hasSameView };
      last = scan(files, objects, fd, { owners: owners(), work, previous });
      nextTick();
      return { tree: last.tree.toString("hex"), lists: count("list"), reads: count("read"), work };
    },
    anew() {
      const options = { owners: owners(), work: new Work("scan") };
      return scan(linuxFiles, new HashingWriter(objects), fd, options).tree.toString("hex");
    },
    denied,
  };
}

/** Times of files move with a clock that ticks every few milliseconds. */
function nextTick(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12);
}

/** Seven directories, with three files and a symlink each. */
function fill(source: string): void {
  for (const path of ["", "/a", "/a/deep", "/a/deep/er", "/b", "/b/deep", "/c"]) {
    if (path !== "") mkdirSync(source + path);
    for (const name of ["one", "two", "zed"]) writeFileSync(`${source}${path}/${name}`, `${path} ${name}`);
    symlinkSync("one", `${source}${path}/link`);
  }
}

test("where nothing changed, nothing is listed and nothing is read", (t) => {
  const { source, again } = makeWalks(t);
  fill(source);
  const first = again();
  assert.deepEqual([first.lists, first.reads], [7, 21]);
  const second = again();
  assert.deepEqual([second.lists, second.reads], [0, 0]);
  assert.equal(second.tree, first.tree);
  assert.equal(second.work.progress.files, 28);
  assert.equal(second.work.progress.bytes, first.work.progress.bytes);
  assert.equal(again().lists, 0);
});

const changes: [what: string, change: (source: string) => void, lists: number, reads: number][] = [
  ["a file's content", (at) => writeFileSync(`${at}/a/deep/one`, "else"), 1, 1],
  ["a file's content, its size and mtime kept", keepingMtime, 1, 1],
  ["a mode", (at) => chmodSync(`${at}/b/two`, 0o600), 1, 1],
  ["a directory's mode", (at) => chmodSync(`${at}/c`, 0o700), 1, 0],
  ["the root's mode", (at) => chmodSync(at, 0o750), 1, 0],
  ["a new file", (at) => writeFileSync(`${at}/a/deep/new`, "new"), 1, 1],
  ["a removed file", (at) => rmSync(`${at}/b/deep/two`), 1, 0],
  ["a renamed directory", (at) => renameSync(`${at}/a/deep`, `${at}/a/else`), 3, 6],
  ["a removed directory", (at) => rmSync(`${at}/a/deep`, { recursive: true }), 1, 0],
  ["a directory in the place of a file", replaceFile, 2, 0],
  ["a file in the place of a directory", replaceDirectory, 1, 1],
  ["two places", twoPlaces, 2, 2],
];

function keepingMtime(source: string): void {
  const path = `${source}/a/deep/one`;
  const { atime, mtime, size } = statSync(path);
  writeFileSync(path, Buffer.alloc(size, 7));
  utimesSync(path, atime, mtime);
}

function replaceFile(source: string): void {
  rmSync(`${source}/b/one`);
  mkdirSync(`${source}/b/one`);
}

function replaceDirectory(source: string): void {
  rmSync(`${source}/b/deep`, { recursive: true });
  writeFileSync(`${source}/b/deep`, "");
}

function twoPlaces(source: string): void {
  writeFileSync(`${source}/a/deep/er/one`, "else");
  writeFileSync(`${source}/zed`, "else");
}

for (const [what, change, lists, reads] of changes) {
  test(`only where something changed is anything looked at: ${what}`, (t) => {
    const { source, again, anew } = makeWalks(t);
    fill(source);
    const first = again();
    change(source);
    const second = again();
    assert.notEqual(second.tree, first.tree);
    assert.equal(second.tree, anew());
    assert.deepEqual([second.lists, second.reads], [lists, reads]);
    const third = again();
    assert.deepEqual([third.tree, third.lists, third.reads], [second.tree, 0, 0]);
  });
}

test("what changed as the walk began is unknown to the next one", (t) => {
  const source = temporaryDirectory(t);
  fill(source);
  const fd = linuxFiles.open(anywhere, source, { directory: true });
  t.after(() => linuxFiles.close(fd));
  const objects = new HashingWriter(new MemoryObjects());
  const { walk } = scan(linuxFiles, objects, fd, { owners: owners(), work: new Work("scan") });
  const unchanged = findUnchanged(linuxFiles, fd, walk, null, () => undefined);
  assert.deepEqual(sameDirectories(walk, unchanged), []);
});

test("under other options everything is looked at, and files are read where something changed", (t) => {
  const { source, again, anew } = makeWalks(t);
  fill(source);
  again();
  writeFileSync(`${source}/a/one`, "else");
  const { tree, lists, reads } = again(false);
  assert.deepEqual([tree, lists, reads], [anew(), 7, 1]);
});

test("a problem is told each time", (t) => {
  const { source, again, denied } = makeWalks(t);
  fill(source);
  denied.add("er");
  for (let n = 0; n < 3; n++) {
    const { work, reads } = again();
    assert.deepEqual(
      work.problems.map(({ path, code }) => [Buffer.from(path).toString(), code]),
      [["a/deep/er", "permission_denied"]],
    );
    assert.equal(reads, n === 0 ? 18 : 0);
  }
  denied.clear();
  assert.deepEqual(again().work.problems, []);
});

test("links to one file stay one group when only one of them is in a directory that changed", (t) => {
  const { source, again, anew } = makeWalks(t);
  fill(source);
  linkSync(`${source}/a/one`, `${source}/b/linked`);
  linkSync(`${source}/c/one`, `${source}/b/also linked`);
  again();
  renameSync(`${source}/a`, `${source}/renamed`);
  assert.equal(again().tree, anew());
  writeFileSync(`${source}/b/new`, "new");
  assert.equal(again().tree, anew());
  rmSync(`${source}/b/also linked`);
  assert.equal(again().tree, anew());
});

test("threads find the same as the engine alone", (t) => {
  const source = temporaryDirectory(t);
  const fd = linuxFiles.open(anywhere, source, { directory: true });
  t.after(() => linuxFiles.close(fd));
  const recorder = new WalkRecorder(Infinity);
  const name = Buffer.from("file");
  for (let n = 0; n < 200; n++) {
    mkdirSync(`${source}/${n}`);
    writeFileSync(`${source}/${n}/file`, "content");
    const rows = new EntryRows();
    recorder.addEntry(rows, name, linuxFiles.stat(anywhere, `${source}/${n}/file`));
    recorder.addDirectory(Buffer.from(`${n}`), linuxFiles.stat(fd, `${n}`), rows, 0, true);
  }
  recorder.addDirectory(Buffer.alloc(0), linuxFiles.statOpen(fd), new EntryRows(), 200, true);
  const walk = recorder.finish();
  nextTick();
  writeFileSync(`${source}/123/file`, "changed");
  const all = Array.from({ length: 201 }, (_, directory) => directory);
  for (const count of [0, 3]) {
    const threads = new ComparisonThreads();
    threads.start(count);
    const unchanged = findUnchanged(linuxFiles, fd, walk, threads, () => undefined);
    const expected = all.filter((directory) => directory !== 123);
    assert.deepEqual(sameDirectories(walk, unchanged), expected);
    assert.equal(unchanged.isWholeSame(200), false);
  }
});

function sameDirectories(walk: RecordedWalk, unchanged: Unchanged): number[] {
  const all = Array.from({ length: walk.directories }, (_, directory) => directory);
  return all.filter((directory) => unchanged.isSame(directory));
}

test("walks that build on each other give the trees of walks that do not", (t) => {
  const seed = seedOfRun();
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const { source, again, anew } = makeWalks(t);
  fill(source);
  again();
  for (let round = 0; round < 40; round++) {
    const done = Array.from({ length: 1 + random.below(4) }, () => changeSomething(random, source));
    assert.equal(again().tree, anew(), `seed ${seed}, round ${round}: ${done.join(", ")}`);
  }
});

function changeSomething(random: Random, source: string): string {
  const everything = readdirSync(source, { recursive: true, encoding: "utf8" }).sort();
  const directories = ["", ...everything.filter((path) => lstatSync(`${source}/${path}`).isDirectory())];
  const files = everything.filter((path) => lstatSync(`${source}/${path}`).isFile());
  const directory = `${source}/${random.pick(directories)}`;
  const name = `${directory}/${random.pick(["one", "two", "new", "newer", "deep"])}`;
  const some = files.length === 0 ? null : `${source}/${random.pick(files)}`;
  const operations: Record<string, () => void> = {
    write: () => writeFileSync(some ?? name, random.bytes(random.below(20))),
    create: () => writeFileSync(name, random.bytes(random.below(20)), { flag: "wx" }),
    remove: () => rmSync(some ?? name),
    mkdir: () => mkdirSync(name),
    rename: () => renameSync(some ?? name, name),
    move: () => renameSync(`${source}/${random.pick(directories)}`, `${name}.moved`),
    link: () => linkSync(some ?? name, name),
    symlink: () => symlinkSync("somewhere", name),
    chmod: () => chmodSync(some ?? name, random.pick([0o600, 0o640, 0o755])),
    chmodDirectory: () => chmodSync(directory, random.pick([0o700, 0o750, 0o755])),
    clear: () => {
      if (directories.length > 12)
        rmSync(`${source}/${random.pick(directories.slice(1))}`, { recursive: true });
    },
  };
  const operation = random.pick(Object.keys(operations));
  try {
    operations[operation]?.();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
  return operation;
}
