import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import { hash, type Digest } from "../../src/chunk/hash.js";
import type { Engine } from "../../src/engine/engine.js";
import type { Hooks } from "../../src/engine/hooks.js";
import { StoreError } from "../../src/errors.js";
import {
  decodeObjects,
  decodeObjectsHead,
  encodeBundleHeader,
  encodeEnd,
  encodeObjects,
  encodeSectionHead,
  encodeSnapshots,
  sectionDigest,
} from "../../src/maintenance/bundle-format.js";
import type { ChunkWriter } from "../../src/pack/chunks.js";
import { encodeRecord } from "../../src/snapshot/record.js";
import { writeDirectory } from "../../src/tree/directory.js";
import type { TreeEntry, TreeSums } from "../../src/tree/entry.js";
import { withCode } from "../errors.js";
import { Random, seedOfRun } from "../random.js";
import { plainMetadata } from "../tree/plain-metadata.js";
import { forgeSnapshot, rootOf } from "./forged.js";
import { findings, makeStore, type MadeStore } from "../snapshot/made-store.js";

function exported(engine: Engine, snapshots: string[], since: string | null = null): Buffer {
  const stream = engine.bundles.openExport({}, null, snapshots, since);
  const pieces: Buffer[] = [];
  for (let next = engine.streams.next({}, stream); next !== null; next = engine.streams.next({}, stream)) {
    pieces.push(next.piece as Buffer);
  }
  return Buffer.concat(pieces);
}

function imported(
  engine: Engine,
  bundle: Buffer,
  rename: Record<string, string> = {},
  pieceBytes = 1 << 20,
): string[] {
  const handle = engine.bundles.beginImport({}, { rename });
  try {
    for (let at = 0; at < bundle.length; at += pieceBytes) {
      engine.bundles.importPiece({}, handle, bundle.subarray(at, at + pieceBytes));
    }
    return engine.bundles.finishImport({}, handle).map(({ id }) => id);
  } finally {
    engine.bundles.abandonImport({}, handle);
  }
}

function twoStores(t: TestContext): { from: MadeStore; to: MadeStore; random: Random } {
  return { from: makeStore(t), to: makeStore(t), random: new Random(seedOfRun()) };
}

function sameTree(made: MadeStore, engine: Engine, snapshot: string): void {
  const { stream, problems } = engine.history.openDiff({}, snapshot, { directory: made.source }, {});
  assert.deepEqual(problems, []);
  assert.equal(engine.streams.next({}, stream), null);
}

describe("a bundle", () => {
  test("brings snapshots into another store, with their ids", (t) => {
    const { from, to, random } = twoStores(t);
    mkdirSync(`${from.source}/d`);
    writeFileSync(`${from.source}/d/large`, random.bytes(1_000_000));
    writeFileSync(`${from.source}/small`, "small");
    const one = from.engine.directories.snapshot({}, from.source, { name: "one" }).snapshot;
    writeFileSync(`${from.source}/small`, "changed");
    const two = from.engine.directories.snapshot({}, from.source, { name: "two" }).snapshot;
    // In awkward pieces.
    assert.deepEqual(imported(to.engine, exported(from.engine, ["one", "two"]), {}, 1009), [one.id, two.id]);
    sameTree(from, to.engine, "two");
    assert.deepEqual(findings(to.engine), []);
    assert.deepEqual(readdirSync(`${to.root}/trash`), []);
  });

  test("since another snapshot holds only what is new, and needs that one", (t) => {
    const { from, to, random } = twoStores(t);
    writeFileSync(`${from.source}/large`, random.bytes(500_000));
    from.engine.directories.snapshot({}, from.source, { name: "one" });
    writeFileSync(`${from.source}/small`, "small");
    const two = from.engine.directories.snapshot({}, from.source, { name: "two" }).snapshot;
    const difference = exported(from.engine, ["two"], "one");
    assert.ok(difference.length < 2000, `${difference.length} bytes`);
    assert.throws(() => imported(to.engine, difference), withCode("bundle_base_missing"));
    assert.deepEqual(to.engine.directories.listSnapshots({}), []);
    imported(to.engine, exported(from.engine, ["one"]));
    assert.deepEqual(imported(to.engine, difference), [two.id]);
    sameTree(from, to.engine, "two");
    assert.deepEqual(findings(to.engine), []);
  });

  test("does not replace a snapshot of the same name, and may be renamed", (t) => {
    const { from, to } = twoStores(t);
    writeFileSync(`${from.source}/file`, "theirs");
    from.engine.directories.snapshot({}, from.source, { name: "Name" });
    writeFileSync(`${to.source}/file`, "mine");
    const mine = to.engine.directories.snapshot({}, to.source, { name: "name" }).snapshot;
    const bundle = exported(from.engine, ["name"]);
    assert.throws(() => imported(to.engine, bundle), withCode("snapshot_name_taken"));
    assert.equal(to.engine.directories.getSnapshot({}, "name").id, mine.id);
    assert.throws(() => imported(to.engine, bundle, { other: "x" }), withCode("invalid_argument"));
    const [id] = imported(to.engine, bundle, { name: "theirs" });
    assert.equal(to.engine.directories.getSnapshot({}, "theirs").id, id);
    assert.deepEqual(findings(to.engine), []);
    // Once more is no conflict: it is the same snapshot.
    assert.deepEqual(imported(to.engine, bundle, { name: "theirs" }), [id]);
  });

  test("that was cut or changed anywhere is refused, and no snapshot appears", (t) => {
    const { from, to } = twoStores(t);
    writeFileSync(`${from.source}/file`, "content");
    from.engine.directories.snapshot({}, from.source, { name: "one" });
    const bundle = exported(from.engine, ["one"]);
    assert.ok(bundle.length < 1000, `${bundle.length} bytes`);
    const refused = (bytes: Buffer, what: string): void => {
      assert.throws(
        () => imported(to.engine, bytes),
        (error) =>
          error instanceof StoreError && ["bundle_invalid", "store_version_unsupported"].includes(error.code),
        what,
      );
      assert.deepEqual(to.engine.directories.listSnapshots({}), [], what);
    };
    for (let at = 0; at < bundle.length; at++) {
      for (const bits of [0x01, 0x80, 0xff]) {
        const flipped = Buffer.from(bundle);
        flipped[at] = (flipped[at] as number) ^ bits;
        refused(flipped, `byte ${at} ^ ${bits}`);
      }
      refused(bundle.subarray(0, at), `cut to ${at} bytes`);
    }
    refused(Buffer.concat([bundle, Buffer.from([0])]), "one byte more");
    refused(Buffer.concat([bundle, bundle]), "twice");
    assert.deepEqual(readdirSync(`${to.root}/packs`), []);
    assert.equal(imported(to.engine, bundle).length, 1);
  });

  test("with right digests and wrong content is refused", (t) => {
    const { from, to } = twoStores(t);
    writeFileSync(`${from.source}/file`, "content");
    const { id: _id, ...record } = from.engine.directories.snapshot({}, from.source, {
      name: "one",
    }).snapshot;
    const sections = takeApart(exported(from.engine, ["one"]));
    const snapshots = (changes: object): Section => ({
      kind: 1,
      payload: encodeSnapshots({ bases: [], records: [encodeRecord({ ...record, ...changes }).bytes] }),
    });
    const [first, ...others] = sections as [Section, ...Section[]];
    const objects = others.slice(0, -1);
    const end = others.at(-1) as Section;
    const extra: Section = {
      kind: 2,
      payload: encodeObjects({ kind: "data", codec: 0, lengths: [5] }, Buffer.from("extra")),
    };
    const bomb: Section = {
      kind: 2,
      payload: encodeObjects({ kind: "data", codec: 1, lengths: Array(100).fill(200_000) }, Buffer.alloc(50)),
    };
    const [, tree] = [objects[1], objects[0]] as [Section, Section];
    const forged: Record<string, Section[]> = {
      "a record that lies about its tree": [snapshots({ files: 7 }), ...others],
      "a tree that is not there": [snapshots({ tree: "00".repeat(32) }), ...others],
      "a name that is a path": [snapshots({ name: "../one" }), ...others],
      "an object left out": [first, tree, { kind: 3, payload: encodeEnd({ objects: 2, plainBytes: 200 }) }],
      "an object that nothing names": [first, ...objects, extra, endOf([...objects, extra])],
      "an object twice": [first, ...objects, tree, endOf([...objects, tree])],
      "an end that counts more": [first, ...objects, endOf([...objects, extra])],
      "objects before the snapshots": [...objects, first, end],
      "two lists of snapshots": [first, first, ...others],
      "no end": [first, ...objects],
      "an unknown section": [first, { kind: 9, payload: Buffer.alloc(3) }, ...others],
      "a frame that unpacks to very much": [first, bomb, end],
    };
    for (const [what, parts] of Object.entries(forged)) {
      assert.throws(
        () => imported(to.engine, putTogether(parts)),
        (error) => error instanceof StoreError && /^(bundle_invalid|invalid_argument)$/.test(error.code),
        what,
      );
      assert.deepEqual(to.engine.directories.listSnapshots({}), [], what);
    }
    assert.equal(imported(to.engine, putTogether(sections)).length, 1);
    assert.deepEqual(findings(to.engine), []);
  });

  test("of trees that lie about themselves is refused", (t) => {
    const { from, to } = twoStores(t);
    type Node = { id: Digest; sums: TreeSums };
    const nested = (writer: ChunkWriter, levels: number, sums?: TreeSums, lowest?: Node): Node => {
      let node = lowest ?? writeDirectory(writer, []);
      for (let n = 0; n < levels; n++) {
        const entry: TreeEntry = { ...plainMetadata, type: "directory", name: Buffer.from("d"), ...node };
        node = writeDirectory(writer, [sums === undefined ? entry : { ...entry, sums }]);
      }
      return node;
    };
    const twice = (writer: ChunkWriter): Node => {
      const high = nested(writer, 1500);
      const entries = [high, nested(writer, 500, undefined, high)].map((node, n): TreeEntry => ({
        ...plainMetadata,
        type: "directory",
        name: Buffer.from(`${n}`),
        ...node,
      }));
      return writeDirectory(writer, entries);
    };
    const trees: Record<string, [build: (writer: ChunkWriter) => Node, RegExp]> = {
      sums: [
        (writer) => nested(writer, 1, { files: 7, directories: 0, logicalBytes: 0 }),
        /other sums than its entry/,
      ],
      depth: [(writer) => nested(writer, 2000), /nested deeper than 2000/],
      "depth of what was met before": [twice, /nested deeper than 2000/],
    };
    for (const [name, [build, message]] of Object.entries(trees)) {
      forgeSnapshot(from.root, name, (writer) => {
        const { id, sums } = build(writer);
        return rootOf(writer, id, sums);
      });
      const bundle = exported(from.again(), [name]);
      assert.throws(() => imported(to.engine, bundle), withCode("bundle_invalid", message));
      assert.deepEqual(to.engine.directories.listSnapshots({}), []);
    }
  });

  test("with a section of more than any may have is refused at once, not waited for", (t) => {
    const { to } = twoStores(t);
    const handle = to.engine.bundles.beginImport({}, {});
    const start = Buffer.concat([encodeBundleHeader(), encodeSectionHead(1, 17 * 1024 * 1024 + 1)]);
    assert.throws(
      () => to.engine.bundles.importPiece({}, handle, start),
      withCode("bundle_invalid", /section of 17825793/),
    );
    to.engine.bundles.abandonImport({}, handle);
  });

  test("with a file that has the bytes of a tree node arrives whole", (t) => {
    const { from, to } = twoStores(t);
    mkdirSync(`${from.source}/z`);
    writeFileSync(`${from.source}/z/file`, "content");
    const { tree } = from.engine.directories.snapshot({}, from.source, { name: "plain" }).snapshot;
    const plain = takeApart(exported(from.engine, ["plain"]));
    assert.ok(tree.length > 0 && plain.length > 2);
    // The node of `z`, found by its id in what the bundle unpacks to.
    const node = nodesOf(from).find((bytes) => bytes.includes("file") && !bytes.includes("z"));
    writeFileSync(`${from.source}/a-twin`, node as Buffer);
    from.engine.directories.snapshot({}, from.source, { name: "twin" });
    from.engine.directories.deleteSnapshot({}, "plain");
    assert.deepEqual(findings(from.engine), []);
    imported(to.engine, exported(from.engine, ["twin"]));
    sameTree(from, to.engine, "twin");
    assert.deepEqual(findings(to.engine), []);
  });

  test("that unpacks to more than is wanted is refused while it comes", (t) => {
    const { from, to, random } = twoStores(t);
    writeFileSync(`${from.source}/file`, random.bytes(300_000));
    from.engine.directories.snapshot({}, from.source, { name: "one" });
    const bundle = exported(from.engine, ["one"]);
    const handle = to.engine.bundles.beginImport({}, { contentBytesMax: 200_000 });
    assert.throws(() => to.engine.bundles.importPiece({}, handle, bundle), withCode("too_large"));
    to.engine.bundles.abandonImport({}, handle);
    assert.throws(() => to.engine.bundles.finishImport({}, handle), withCode("closed"));
  });
});

describe("a copy to another store", () => {
  test("takes over only what is missing there", (t) => {
    const { from, to, random } = twoStores(t);
    const { engine, source } = from;
    writeFileSync(`${source}/large`, random.bytes(500_000));
    const one = engine.directories.snapshot({}, source, { name: "one" }).snapshot;
    const copy = (hooks: Hooks, root: string, names: string[]): string[] =>
      engine.bundles.copyTo(hooks, null, root, names, undefined).map(({ id }) => id);
    assert.deepEqual(copy({}, to.root, ["one"]), [one.id]);
    writeFileSync(`${source}/small`, "small");
    const two = engine.directories.snapshot({}, source, { name: "two" }).snapshot;
    let bytes = 0;
    const ids = copy({ onProgress: (progress) => (bytes = progress.bytes) }, to.root, ["one", "two"]);
    assert.deepEqual(ids, [one.id, two.id]);
    assert.ok(bytes > 0 && bytes < 2000, `${bytes} bytes`);
    sameTree(from, to.engine, "two");
    assert.deepEqual(findings(to.engine), []);
    assert.throws(() => copy({}, from.root, ["one"]), withCode("invalid_argument"));
  });
});

interface Section {
  kind: number;
  payload: Buffer;
}

function takeApart(bundle: Buffer): Section[] {
  const sections: Section[] = [];
  for (let at = 12; at < bundle.length;) {
    const bytes = bundle.readUInt32LE(at + 1);
    sections.push({ kind: bundle.readUInt8(at), payload: bundle.subarray(at + 5, at + 5 + bytes) });
    at += 5 + bytes + 32;
  }
  return sections;
}

/** The end that tells the truth about these sections of objects. */
function endOf(sections: Section[]): Section {
  const heads = sections.map(({ payload }) => decodeObjectsHead(payload));
  const sum = (of: (head: (typeof heads)[number]) => number): number =>
    heads.reduce((total, head) => total + of(head), 0);
  return {
    kind: 3,
    payload: encodeEnd({
      objects: sum(({ lengths }) => lengths.length),
      plainBytes: sum(({ plainBytes }) => plainBytes),
    }),
  };
}

/** With digests that are right. */
function putTogether(sections: Section[]): Buffer {
  const parts = [encodeBundleHeader()];
  let digest = hash(parts[0] as Buffer);
  for (const { kind, payload } of sections) {
    const head = encodeSectionHead(kind, payload.length);
    digest = sectionDigest(digest, head, payload);
    parts.push(head, payload, digest);
  }
  return Buffer.concat(parts);
}

/** All tree nodes that a store's snapshots would send. */
function nodesOf({ engine }: MadeStore): Buffer[] {
  return takeApart(exported(engine, ["plain"]))
    .filter(({ kind }) => kind === 2)
    .flatMap(({ payload }) => [...decodeObjects(payload)])
    .filter(({ kind }) => kind === "tree")
    .map(({ bytes }) => Buffer.from(bytes));
}
