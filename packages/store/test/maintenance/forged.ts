/**
 * Makes stores that are wrong although every digest in them is right: what neither a flipped bit nor a torn write makes, but
 * a faulty or hostile writer does.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import type { FsckFinding, SnapshotInfo } from "../../src/api.js";
import { hash, type Digest } from "../../src/chunk/hash.js";
import { decodePackEnds, encodePackTail, type PackContents } from "../../src/pack/format.js";
import type { ChunkWriter } from "../../src/pack/chunks.js";
import { encodeSegmentHead, segmentName, type IndexedPack } from "../../src/pack/segment-format.js";
import { Segment, type Location } from "../../src/pack/segment.js";
import { Repository } from "../../src/snapshot/repository.js";
import { encodeList, type ContentItem } from "../../src/tree/content.js";
import { writeDirectory, writeRoot } from "../../src/tree/directory.js";
import type { DirectoryTreeEntry, TreeEntry, TreeSums } from "../../src/tree/entry.js";
import { unsyncedFiles } from "../platform/faulty-files.js";
import { Random } from "../random.js";
import { makeStore, type MadeStore } from "../snapshot/made-store.js";
import { plainMetadata } from "../tree/plain-metadata.js";

export interface DamagedStore extends MadeStore {
  /** Of data, and of tree nodes. */
  dataPack: string;
  treePack: string;
  ref: string;
  record: string;
}

/** A store with one snapshot, `whole`, of a file `small` and of `d/large`, which has several chunks. */
export function makeSmallStore(t: TestContext): DamagedStore {
  const made = makeStore(t, unsyncedFiles);
  const { engine, root, source } = made;
  mkdirSync(`${source}/d`);
  writeFileSync(`${source}/small`, "small");
  writeFileSync(`${source}/d/large`, new Random(7).bytes(300_000));
  engine.directories.snapshot({}, source, { name: "whole" });
  const [dataPack, treePack] = filesIn(`${root}/packs`).sort((a, b) => statSync(b).size - statSync(a).size);
  const [ref] = filesIn(`${root}/refs/snapshots`);
  const [record] = filesIn(`${root}/snapshots`);
  return { ...made, dataPack, treePack, ref, record } as DamagedStore;
}

export interface Expected {
  code: string;
  /** Relative to the store, or a path in snapshots. */
  object?: RegExp | string;
  message?: RegExp;
  /** Names of all snapshots that the findings touch. Default: none; null: whichever. */
  snapshots?: string[] | null;
}

/**
 * Registers a test for each way to break a store: what a full check finds must be told, and what it touches. A repair then
 * leaves nothing that another could mend, and nothing worse than it was.
 */
export function finds(
  cases: Record<string, [breakIt: (made: DamagedStore) => void, expected: Expected]>,
): void {
  for (const [what, [breakIt, { code, object = /./, message = /./, snapshots = [] }]] of Object.entries(
    cases,
  )) {
    test(what, (t) => {
      const made = makeSmallStore(t);
      breakIt(made);
      const report = made.again().upkeep.fsck({}, { readData: true });
      assert.equal(report.ok, false);
      const isMeant = (finding: FsckFinding): boolean =>
        finding.code === code &&
        message.test(finding.message) &&
        (typeof object === "string" ? finding.object === object : object.test(finding.object));
      assert.ok(report.findings.some(isMeant), JSON.stringify(report.findings, null, 1));
      const touched = new Set(report.findings.flatMap((finding) => finding.snapshots));
      if (snapshots !== null) assert.deepEqual([...touched].sort(), snapshots);
      checkRepair(made, touched);
    });
  }
}

function checkRepair({ again, source, place }: MadeStore, touched: ReadonlySet<string>): void {
  const { ok, repair } = again().upkeep.fsck({}, { readData: false, repair: true });
  assert.ok(repair);
  assert.equal(ok, repair.remaining.length === 0);
  const afterwards = again().upkeep.fsck({}, { readData: true });
  assert.deepEqual(afterwards.findings, repair.remaining);
  for (const { snapshots, message } of repair.remaining) {
    for (const name of snapshots) assert.ok(touched.has(name), `${name}: ${message}`);
  }
  const second = again().upkeep.fsck({}, { readData: false, repair: true }).repair;
  const nothing = { indexRebuilt: false, savedChunks: 0, lostChunks: 0, restoredRefs: [], quarantined: [] };
  assert.deepEqual(second, { ...nothing, remaining: repair.remaining });
  const whole = again()
    .directories.listSnapshots({})
    .filter(({ name }) => !repair.remaining.some(({ snapshots }) => snapshots.includes(name)));
  for (const { name } of whole) {
    again().directories.restore({}, name, `${place}/restored`, { delete: true });
    if (name === "whole") assert.equal(run("diff", ["-r", source, `${place}/restored`]), "");
  }
}

function run(command: string, args: string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return stdout + stderr;
}

export function withRepository<Result>(root: string, run: (repository: Repository) => Result): Result {
  const repository = Repository.open(unsyncedFiles, root);
  try {
    return run(repository);
  } finally {
    repository.close();
  }
}

/** Publishes a snapshot of whatever tree `build` makes; what it says of the tree is what `build` returns. */
export function forgeSnapshot(
  root: string,
  name: string,
  build: (writer: ChunkWriter) => { tree: Digest; sums: TreeSums },
): SnapshotInfo {
  return withRepository(root, (repository) =>
    repository.writing(
      () => null,
      (_, lease) =>
        repository.addSnapshot(lease, { scope: null, name, consistency: "idle", parent: null }, (writer) => {
          const { tree, sums } = build(writer);
          return { tree, root: { sums } as DirectoryTreeEntry };
        }),
    ),
  );
}

/** A root directory whose listing is the node `id`. */
export function rootOf(writer: ChunkWriter, id: Digest, sums: TreeSums): { tree: Digest; sums: TreeSums } {
  const entry: DirectoryTreeEntry = {
    type: "directory",
    name: Buffer.alloc(0),
    ...plainMetadata,
    mode: 0o755,
    id,
    sums,
  };
  return { tree: writeRoot(writer, entry), sums };
}

export function filesIn(directory: string): string[] {
  return readdirSync(directory).map((name) => `${directory}/${name}`);
}

/** Writes a pack again with other tables, under the id that it then has. `frames`: where the frames end. */
export function forgePack(
  path: string,
  change: (contents: PackContents) => void,
  extraBytes = Buffer.alloc(0),
): string {
  const bytes = readFileSync(path);
  const offset = bytes.readUInt32LE(bytes.length - 48);
  const contents = decodePackEnds(
    Buffer.concat([bytes.subarray(0, 16), bytes.subarray(offset)]),
    bytes.length,
  );
  change(contents);
  const frames = Buffer.concat([bytes.subarray(0, offset), extraBytes]);
  const tail = encodePackTail(contents.kind, contents.frames, contents.chunks, frames.length);
  const forged = `${path.slice(0, path.lastIndexOf("/"))}/${tail.id}.pack`;
  rmSync(path);
  writeFileSync(forged, Buffer.concat([frames, tail.bytes]));
  return forged;
}

/** A row of a segment; `pack` is the number of one in its table. */
export interface ForgedRow extends Omit<Location, "pack"> {
  id: Digest;
  pack: number;
}

/** Writes the only segment of a store again with other rows, under the name that it then has. */
export function forgeSegment(
  root: string,
  change: (packs: IndexedPack[], rows: ForgedRow[]) => void,
  { sorted = true, blockTold = "all" }: { sorted?: boolean; blockTold?: "all" | "wrong" } = {},
): void {
  const [path, ...others] = filesIn(`${root}/index`);
  if (path === undefined || others.length > 0) throw new Error("a store with one segment is wanted");
  const segment = Segment.decode(readFileSync(path));
  const packs = [...segment.packs];
  const rows = [...segment.entries()].map(({ id, location }) => ({
    ...location,
    id,
    pack: packs.findIndex((pack) => pack.id === location.pack),
  }));
  change(packs, rows);
  if (sorted) rows.sort((a, b) => a.id.compare(b.id));
  const rests = rows.map(({ id, pack, frame, offset, length }) => {
    const before = packs.slice(0, pack).reduce((total, { frameCount }) => total + frameCount, 0);
    const beyond = pack < packs.length ? 0 : 1_000_000;
    const words = Uint32Array.of(before + beyond + frame, offset, length);
    return Buffer.concat([id.subarray(4), Buffer.from(words.buffer)]);
  });
  const block = Buffer.concat([...rows.map(({ id }) => id.subarray(0, 4)), ...rests]);
  const head =
    blockTold === "all"
      ? encodeSegmentHead({
          packs,
          bits: 0,
          starts: Uint32Array.of(0, rows.length),
          blockDigests: hash(block),
        })
      : encodeSegmentHead({
          packs,
          bits: 1,
          // Everything in the second block, whatever its first bit.
          starts: Uint32Array.of(0, 0, rows.length),
          blockDigests: Buffer.concat([hash(Buffer.alloc(0)), hash(block)]),
        });
  rmSync(path);
  writeFileSync(`${root}/index/${segmentName(head)}`, Buffer.concat([head, block]));
}

/** Makes the counts of references that a store keeps say something else, under a digest that is right. */
export function forgeReferences({ engine, root }: MadeStore, change: (counts: Uint32Array) => void): void {
  engine.upkeep.usage({});
  const path = `${root}/cache/references`;
  const bytes = readFileSync(path).subarray(0, -32);
  const trees = bytes.readUInt32LE(12);
  const rows = bytes.readUInt32LE(16);
  const countsAt = 24 + (trees + rows) * 32;
  const counts = new Uint32Array(new Uint8Array(bytes.subarray(countsAt, countsAt + 4 * rows)).buffer);
  change(counts);
  bytes.set(new Uint8Array(counts.buffer), countsAt);
  const bounds = [0, countsAt - 32 * rows, countsAt, countsAt + 4 * rows, bytes.length];
  const digests = bounds.slice(1).map((end, n) => hash(bytes.subarray(bounds[n], end)));
  writeFileSync(path, Buffer.concat([bytes, hash(Buffer.concat(digests))]));
}

/** A snapshot of a file `f` whose list says that its first chunk is longer than it is. */
export function forgeLongChunk(root: string, name: string): void {
  forgeSnapshot(root, name, (writer) => {
    const items = ["one", "other"].map((text, n): ContentItem => {
      const bytes = Buffer.from(text);
      return { kind: "chunk", length: bytes.length + (n === 0 ? 1 : 0), id: writer.put("data", bytes) };
    });
    const content = { depth: 1, id: writer.put("tree", encodeList(items)) };
    const file: TreeEntry = {
      ...plainMetadata,
      type: "file",
      name: Buffer.from("f"),
      sizeBytes: 9,
      content,
    };
    const { id, sums } = writeDirectory(writer, [file]);
    return rootOf(writer, id, sums);
  });
}
