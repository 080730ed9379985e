import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { describe, test } from "node:test";
import { hash, type Digest } from "../../../src/chunk/hash.js";
import type { ChunkWriter } from "../../../src/pack/chunks.js";
import { ByteWriter } from "../../../src/bytes.js";
import { encodeList, writeContent, type ContentItem } from "../../../src/tree/content.js";
import { writeDirectory } from "../../../src/tree/directory.js";
import { addSums, noSums, type FileContent, type TreeEntry, type TreeSums } from "../../../src/tree/entry.js";
import { encodeBranch, writeEntry, encodeLeaf } from "../../../src/tree/node.js";
import { plainMetadata } from "../../tree/plain-metadata.js";
import { finds, forgeSnapshot, makeSmallStore, rootOf } from "../forged.js";

function file(name: string, sizeBytes: number, content: FileContent | null): TreeEntry {
  return { ...plainMetadata, type: "file", name: Buffer.from(name), sizeBytes, content };
}

function directory(name: string, node: { id: Digest; sums: TreeSums }): TreeEntry {
  return { ...plainMetadata, type: "directory", name: Buffer.from(name), ...node };
}

function sumsOf(entries: TreeEntry[]): TreeSums {
  const sums = noSums();
  for (const entry of entries) addSums(sums, entry);
  return sums;
}

/** A leaf of whatever entries in whatever order. */
function leaf(
  writer: ChunkWriter,
  entries: TreeEntry[],
  sums = sumsOf(entries),
): { id: Digest; sums: TreeSums } {
  const out = new ByteWriter();
  for (const entry of entries) writeEntry(out, entry);
  return { id: writer.put("tree", encodeLeaf(sums, out.finish(), entries.length)), sums };
}

type Node = { id: Digest; sums: TreeSums };

/** Breaks a store by one more snapshot, `forged`, whose root lists what `build` gives. */
const forged = (build: (writer: ChunkWriter) => Node) => {
  return ({ root }: { root: string }) =>
    void forgeSnapshot(root, "forged", (writer) => {
      const { id, sums } = build(writer);
      return rootOf(writer, id, sums);
    });
};
const touching = { code: "tree_damaged", snapshots: ["forged"] };

function chunk(writer: ChunkWriter, text: string): ContentItem & { kind: "chunk" } {
  const bytes = Buffer.from(text);
  return { kind: "chunk", length: bytes.length, id: writer.put("data", bytes) };
}

/** A file `f` of these items in one list. */
const listed = (
  build: (writer: ChunkWriter) => { items: ContentItem[]; depth?: number; sizeBytes?: number },
) =>
  forged((writer) => {
    const { items, depth = 1, sizeBytes } = build(writer);
    const id = writer.put("tree", encodeList(items));
    const total = items.reduce((sum, { length }) => sum + length, 0);
    return writeDirectory(writer, [file("f", sizeBytes ?? total, { depth, id })]);
  });

const missing = Buffer.alloc(32, 9);

describe("of trees, a check finds", () => {
  finds({
    "a chunk that is missing, by the path of its file": [
      forged((writer) => {
        const inner = writeDirectory(writer, [file("lost", 5, { depth: 0, id: missing })]);
        return writeDirectory(writer, [directory("d", inner)]);
      }),
      { ...touching, object: "d/lost", message: /09090909.* is missing/ },
    ],
    "a directory that is missing": [
      forged((writer) => writeDirectory(writer, [directory("d", { id: missing, sums: noSums() })])),
      { ...touching, object: "d" },
    ],
    "a directory whose sums are not those its entry says": [
      forged((writer) => {
        const { id } = writeDirectory(writer, [file("empty", 0, null)]);
        return writeDirectory(writer, [directory("d", { id, sums: { ...noSums(), files: 2 } })]);
      }),
      { ...touching, object: "d", message: /other sums than its entry/ },
    ],
    "a listing whose sums are not those of its entries": [
      forged((writer) => {
        const inner = leaf(writer, [file("empty", 0, null)], { files: 2, directories: 0, logicalBytes: 0 });
        return writeDirectory(writer, [directory("d", inner)]);
      }),
      { ...touching, object: "d", message: /sums do not match/ },
    ],
    "entries out of order": [
      forged((writer) => {
        const inner = leaf(writer, [file("b", 0, null), file("a", 0, null)]);
        return writeDirectory(writer, [directory("d", inner)]);
      }),
      { ...touching, object: "d", message: /not in order/ },
    ],
    "a file with the bytes of something else for a directory": [
      forged((writer) => {
        const { id } = chunk(writer, "no node");
        return writeDirectory(writer, [directory("d", { id, sums: noSums() })]);
      }),
      { ...touching, object: "d", message: /^tree node: / },
    ],
    "a root below a root": [
      forged((writer) => {
        const inner = writeDirectory(writer, []);
        const { tree, sums } = rootOf(writer, inner.id, inner.sums);
        return writeDirectory(writer, [directory("d", { id: tree, sums: { ...sums, directories: 1 } })]);
      }),
      { ...touching, object: "d", message: /name below the root is empty/ },
    ],
    "a tree whose root is a listing": [
      ({ root }) =>
        void forgeSnapshot(root, "forged", (writer) => {
          const { id, sums } = writeDirectory(writer, [file("a", 0, null)]);
          return { tree: id, sums };
        }),
      { ...touching, object: ".", message: /not the root/ },
    ],
    "a large directory in one leaf": [
      forged((writer) => {
        const name = (n: number): string => `${n}`.padStart(200, "0");
        return writeDirectory(writer, [
          directory(
            "d",
            leaf(
              writer,
              Array.from({ length: 400 }, (_, n) => file(name(n), 0, null)),
            ),
          ),
        ]);
      }),
      { ...touching, object: "d", message: /cut in the wrong places/ },
    ],
    "a small directory in two leaves": [
      forged((writer) => {
        const entries = [file("a", 0, null), file("b", 0, null)];
        const parts = entries.map((entry) => ({ lastName: entry.name, id: leaf(writer, [entry]).id }));
        const sums = sumsOf(entries);
        const id = writer.put("tree", encodeBranch(sums, parts));
        return writeDirectory(writer, [directory("d", { id, sums })]);
      }),
      { ...touching, object: "d", message: /cut in the wrong places/ },
    ],
    "a branch without one of its leaves": [
      forged((writer) => {
        const parts = ["a", "b"].map((name) => ({ lastName: Buffer.from(name), id: missing }));
        const id = writer.put("tree", encodeBranch(noSums(), parts));
        return writeDirectory(writer, [directory("d", { id, sums: noSums() })]);
      }),
      { ...touching, object: "d", message: /is missing/ },
    ],
    "a file that is longer than its chunk": [
      forged((writer) => writeDirectory(writer, [file("f", 6, { depth: 0, id: chunk(writer, "short").id })])),
      { ...touching, object: "f", message: /stands for 5 bytes, not for 6/ },
    ],
    "a chunk that is longer than any may be": [
      forged((writer) => {
        const bytes = Buffer.alloc(300_000);
        const id = writer.put("data", bytes);
        return writeDirectory(writer, [file("f", bytes.length, { depth: 0, id })]);
      }),
      { ...touching, object: "f", message: /chunk of 300000 bytes/ },
    ],
    "a file that is longer than its list": [
      listed((writer) => ({ items: [chunk(writer, "one"), chunk(writer, "other")], sizeBytes: 9 })),
      { ...touching, object: "f", message: /stands for 8 bytes, not for 9/ },
    ],
    "a list with a chunk of another length": [
      listed((writer) => ({ items: [{ ...chunk(writer, "one"), length: 4 }, chunk(writer, "other")] })),
      { ...touching, object: "f", message: /stands for 3 bytes, not for 4/ },
    ],
    "a list of one chunk, which needs none": [
      listed((writer) => ({ items: [chunk(writer, "one")] })),
      { ...touching, object: "f", message: /cut in the wrong places/ },
    ],
    "a list that says it has other levels": [
      listed((writer) => ({ items: [chunk(writer, "one"), chunk(writer, "other")], depth: 2 })),
      { ...touching, object: "f", message: /other levels/ },
    ],
    "a list that should have ended before": [
      listed((writer) => {
        // Some chunk has the zero bits after which a list ends.
        let ending = chunk(writer, "0");
        for (let n = 1; (ending.id.readUInt32LE(28) & 511) !== 0; n++) ending = probe(writer, n);
        return { items: [chunk(writer, "one"), ending, chunk(writer, "other")] };
      }),
      { ...touching, object: "f", message: /cut in the wrong places/ },
    ],
    "directories nested deeper than any may be": [
      forged((writer) => {
        let node = writeDirectory(writer, []);
        for (let n = 0; n < 2000; n++) node = writeDirectory(writer, [directory("d", node)]);
        return node;
      }),
      { ...touching, object: /^d(\/d)+$/, message: /nested deeper than 2000/ },
    ],
    "directories that were met before, nested deeper than any may be": [
      forged((writer) => {
        let node = writeDirectory(writer, []);
        for (let n = 0; n < 1500; n++) node = writeDirectory(writer, [directory("d", node)]);
        const before = directory("before", node);
        for (let n = 0; n < 500; n++) node = writeDirectory(writer, [directory("d", node)]);
        return writeDirectory(writer, [before, directory("d", node)]);
      }),
      { ...touching, object: /^d(\/d)+$/, message: /nested deeper than 2000/ },
    ],
  });

  test("each path of damage once, with all the snapshots that have it", (t) => {
    const made = makeSmallStore(t);
    made.engine.directories.snapshot({}, made.source, { name: "twin" });
    rmSync(made.dataPack);
    const found = made
      .again()
      .upkeep.fsck({}, { readData: false })
      .findings.filter(({ code }) => code === "tree_damaged");
    assert.deepEqual(found.map(({ object }) => object).sort(), ["d/large", "small"]);
    for (const { snapshots } of found) assert.deepEqual([...snapshots].sort(), ["twin", "whole"]);
  });

  test("so many paths of one snapshot and no more, and says how many more there are", (t) => {
    const { root, again } = makeSmallStore(t);
    forged((writer) =>
      writeDirectory(
        writer,
        Array.from({ length: 50 }, (_, n) => file(`${100 + n}`, 5, { depth: 0, id: missing })),
      ),
    )({ root });
    const found = again().upkeep.fsck({}, { readData: false }).findings;
    assert.equal(found.length, 21);
    assert.equal(found.at(-1)?.message, "30 more damaged paths");
  });

  test("nothing in a file of very many chunks", (t) => {
    const { root, again } = makeSmallStore(t);
    forgeSnapshot(root, "long", (writer) => {
      const items = Array.from({ length: 5000 }, (_, n) => chunk(writer, `chunk ${n}`));
      const sizeBytes = items.reduce((sum, { length }) => sum + length, 0);
      const { id, sums } = writeDirectory(writer, [file("f", sizeBytes, writeContent(writer, items))]);
      return rootOf(writer, id, sums);
    });
    assert.deepEqual(again().upkeep.fsck({}, { readData: true }).findings, []);
  });
});

/** Stores nothing unless the id has the bits. */
function probe(writer: ChunkWriter, n: number): ContentItem & { kind: "chunk" } {
  const bytes = Buffer.from(`${n}`);
  const id = hash(bytes);
  if ((id.readUInt32LE(28) & 511) === 0) writer.put("data", bytes);
  return { kind: "chunk", length: bytes.length, id };
}
