/**
 * Every byte of every file of a small store is changed, and every file is cut at every length, one at a time. Whatever is
 * read then is right, or an error says that it is not; what is not right is found by a check, and a repair makes nothing worse.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Engine } from "../../src/engine/engine.js";
import { StoreError } from "../../src/errors.js";
import { anywhere, type Files } from "../../src/platform/files.js";
import { decompressFrame } from "../../src/pack/frame.js";
import { readWhole } from "../../src/platform/durable.js";
import { hash } from "../../src/chunk/hash.js";
import { changed } from "../changed-bytes.js";
import { Random, seedOfRun } from "../random.js";
import { MemoryDisk, type Moment } from "../simulation/memory-disk.js";
import { MemoryFiles } from "../simulation/memory-files.js";
import { depth, drawn } from "../simulation/share.js";
import { openStore, put, sourceRoot, storeRoot } from "../simulation/sources.js";

/** Of each kind of damage; `npm run test:deep` tries many times as many, and 25 times as many are all. */
const triesPerKind = 100 * depth;

const witnessRoot = "/data/witness";

interface Known {
  moment: Moment;
  /** Path and length of every file of the store. */
  files: Map<string, number>;
  /** Trees by name of snapshot. */
  trees: Map<string, string>;
  /** Of the source as it is. */
  sourceTree: string;
}

/** Two snapshots of a directory, a disk with a snapshot and a clone, and a second store that tells what was restored. */
function makeKnown(): Known {
  const disk = new MemoryDisk();
  const files = new MemoryFiles(disk);
  for (const path of ["/data", sourceRoot, `${sourceRoot}/d`]) files.makeDirectory(anywhere, path, 0o755);
  put(files, `${sourceRoot}/d/text`, "text ".repeat(100));
  put(files, `${sourceRoot}/small`, "small");
  files.makeSymlink(Buffer.from("small"), anywhere, `${sourceRoot}/link`);
  const witness = Engine.open(files, witnessRoot, { create: true });
  const engine = openStore(files, true);
  engine.directories.snapshot({}, sourceRoot, { name: "one" });
  put(files, `${sourceRoot}/d/more`, "more");
  engine.directories.snapshot({}, sourceRoot, { name: "two", comment: "with more" });
  engine.disks.create({}, { id: "disk", directories: [{ path: "e", mode: 0o700 }] });
  engine.disks.snapshot({}, "disk", { name: "first" });
  engine.disks.clone({}, "disk", { id: "clone" });
  // Leaves the counts of references that collections go by.
  engine.upkeep.usage({});
  const trees = new Map(engine.directories.listSnapshots({}).map(({ name, tree }) => [name, tree]));
  const sourceTree = witness.directories.snapshot({}, sourceRoot, { name: "source" }).snapshot.tree;
  engine.close();
  witness.close();
  disk.syncAll();
  return { moment: disk.moment(), files: filesBelow(files, storeRoot), trees, sourceTree };
}

function filesBelow(files: Files, path: string, found = new Map<string, number>()): Map<string, number> {
  const directory = files.open(anywhere, path, { directory: true });
  for (const { name, type } of files.list(directory)) {
    const child = `${path}/${name.toString()}`;
    if (type === "directory") filesBelow(files, child, found);
    else found.set(child, files.stat(directory, name).sizeBytes);
  }
  files.close(directory);
  return found;
}

/** What may be wrong without anybody being told: readers pass over it. */
const isCache = (path: string): boolean => path.startsWith(`${storeRoot}/cache/`) || path.endsWith("/tree");

/** Null when the store says that something is wrong with it. */
function unlessRefused<Result>(run: () => Result): Result | null {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return null;
  }
}

/** The names of the snapshots that can be restored; what is restored must be right. */
function restorable(engine: Engine, files: MemoryFiles, { trees }: Known, where: string): Set<string> {
  const witness = Engine.open(files, witnessRoot, { create: false });
  try {
    const names = [...trees].filter(([name, tree]) => {
      const target = `/data/restored-${where}-${name}`;
      const restored = unlessRefused(() => engine.directories.restore({}, name, target, {}));
      if (restored === null) return false;
      assert.deepEqual(restored.problems, []);
      const { snapshot } = witness.directories.snapshot({}, target, { name: `${where}-${name}` });
      assert.equal(snapshot.tree, tree, `${name} was restored wrong`);
      return true;
    });
    return new Set(names.map(([name]) => name));
  } finally {
    witness.close();
  }
}

function judge(known: Known, path: string, files: MemoryFiles, random: Random): void {
  const engine = unlessRefused(() => openStore(files));
  // Only what says which store this is keeps it from opening.
  if (engine === null) return assert.equal(path, `${storeRoot}/format.json`);
  try {
    const { findings } = engine.upkeep.fsck({}, { readData: true });
    assert.ok(findings.length > 0 || isCache(path), "was not found");
    const listed = unlessRefused(() => engine.directories.listSnapshots({}));
    if (findings.length === 0) assert.equal(listed?.length, known.trees.size);
    for (const { name, tree } of listed ?? [])
      assert.equal(tree, known.trees.get(name), `${name} is listed wrong`);
    const before = restorable(engine, files, known, "before");
    if (findings.length === 0) assert.equal(before.size, known.trees.size);

    // Whatever is damaged, a collection refuses or takes nothing that anybody needs.
    if (random.chance(0.5)) unlessRefused(() => engine.upkeep.gc({}, { dryRun: false }));
    const { repair } = engine.upkeep.fsck({}, { readData: false, repair: true });
    const remaining = engine.upkeep.fsck({}, { readData: true }).findings;
    assert.deepEqual(remaining, repair?.remaining);
    const after = restorable(engine, files, known, "after");
    for (const name of before) assert.ok(after.has(name), `${name} could be restored before the repair`);
    const { snapshot } = engine.directories.snapshot({}, sourceRoot, { name: "next" });
    assert.equal(snapshot.tree, known.sourceTree);
    engine.directories.restore({}, "next", "/data/next", {});
    const left = engine.upkeep.fsck({}, { readData: true }).findings;
    // One that was taken of the same files before is whole again.
    for (const { snapshots, code } of left) assert.ok(!snapshots.includes("two"), code);
  } finally {
    engine.close();
  }
}

describe("whatever is damaged, nothing wrong is ever handed out", () => {
  const known = makeKnown();
  const places = [...known.files].flatMap(([path, bytes]) =>
    Array.from({ length: bytes }, (_, at) => ({ path, at })),
  );
  const kinds: Record<string, (files: Files, path: string, at: number, random: Random) => void> = {
    "a byte changed": (files, path, at, random) => {
      const fd = files.open(anywhere, path, { access: "readwrite" });
      const byte = Buffer.alloc(1);
      files.read(fd, byte, at);
      byte[0] = (byte[0] as number) ^ (1 + random.below(255));
      files.write(fd, byte, at);
      files.close(fd);
    },
    "a file cut": (files, path, at) => {
      const fd = files.open(anywhere, path, { access: "readwrite" });
      files.truncate(fd, at);
      files.close(fd);
    },
  };
  for (const [what, damage] of Object.entries(kinds)) {
    test(what, { timeout: 600_000 * depth }, (t) => {
      const random = new Random(seedOfRun());
      t.diagnostic(`seed ${random.seed}`);
      const chosen = drawn(places, triesPerKind, (end) => random.below(end));
      for (const { path, at } of chosen) {
        const files = new MemoryFiles(new MemoryDisk(known.moment));
        damage(files, path, at, random);
        try {
          judge(known, path, files, random);
        } catch (error) {
          throw new Error(`seed ${random.seed}: ${what} at ${at} of ${path}`, { cause: error });
        }
        assert.equal(files.openDescriptors, 0);
      }
      t.diagnostic(`${chosen.length} of ${places.length} places`);
      assert.ok(places.length > 2000);
    });
  }
});

test("a cache of the last walk that tells nonsense under a right digest is used or passed over, and breaks nothing", (t) => {
  const random = new Random(seedOfRun());
  t.diagnostic(`seed ${random.seed}`);
  const known = makeKnown();
  const path = [...known.files.keys()].find((name) => name.endsWith(".stat")) as string;
  for (let round = 0; round < triesPerKind; round++) {
    const files = new MemoryFiles(new MemoryDisk(known.moment));
    // The header with two digests, see `stat-cache.ts`.
    const header = (readWhole(files, path) as Buffer).subarray(0, 88);
    const stored = (readWhole(files, path) as Buffer).subarray(88 + 2 * 32);
    const walk = changed(random, decompressFrame(stored, header.readUInt32LE(12), header.readUInt32LE(16)));
    header.writeUInt32LE(0, 12);
    header.writeUInt32LE(walk.length, 16);
    const head = Buffer.concat([header, hash(walk)]);
    put(files, path, Buffer.concat([head, hash(head), walk]));
    const engine = openStore(files);
    unlessRefused(() => engine.directories.snapshot({}, sourceRoot, { name: "next" }));
    engine.close();
    assert.equal(files.openDescriptors, 0, `seed ${random.seed}, round ${round}`);
  }
});
