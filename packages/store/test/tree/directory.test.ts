import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { treeLeafBytesMax } from "../../src/limits.js";
import { readDirectory, readRoot, writeDirectory, writeRoot } from "../../src/tree/directory.js";
import { noSums, type DirectoryTreeEntry, type TreeEntry } from "../../src/tree/entry.js";
import { LeafCutter } from "../../src/tree/leaf-cutter.js";
import { decodeNode, encodeBranch, encodeNode } from "../../src/tree/node.js";
import { withCode } from "../errors.js";
import { Random, seedOfRun } from "../random.js";
import { MemoryObjects } from "./memory-objects.js";
import { randomEntries } from "./random-entries.js";
import { plainMetadata } from "./plain-metadata.js";

function files(names: string[]): TreeEntry[] {
  const content = { depth: 0, id: Buffer.alloc(32, 1) };
  return names
    .map((name): TreeEntry => ({
      type: "file",
      name: Buffer.from(name),
      ...plainMetadata,
      sizeBytes: 3,
      content,
    }))
    .sort((a, b) => a.name.compare(b.name));
}

const manyNames = Array.from({ length: 5000 }, (_, n) => `a file with quite a long name ${n * 7919}`);

describe("a directory", () => {
  test("of any size comes back as it was", () => {
    const random = new Random(seedOfRun());
    for (const count of [0, 1, 100, 3000]) {
      const objects = new MemoryObjects();
      const entries = randomEntries(random, count);
      const { id, sums } = writeDirectory(objects, entries);
      assert.deepEqual(readDirectory(objects, id), entries, `seed ${random.seed}`);
      assert.deepEqual(decodeNode(objects.get(id)).sums, sums);
    }
  });

  test("is not stored out of order, or with a name twice", () => {
    const [a, b] = files(["a", "b"]) as [TreeEntry, TreeEntry];
    for (const entries of [
      [b, a],
      [a, a],
    ])
      assert.throws(() => writeDirectory(new MemoryObjects(), entries), withCode("invalid_argument"));
    const many = files(manyNames);
    for (let n = 1; n < many.length; n++) {
      const cutter = new LeafCutter(new MemoryObjects());
      cutter.add(many[n] as TreeEntry, Buffer.alloc(100));
      assert.throws(
        () => cutter.add(many[n - 1] as TreeEntry, Buffer.alloc(100)),
        withCode("invalid_argument"),
      );
    }
  });

  test("that is small is one node", () => {
    const objects = new MemoryObjects();
    const { id } = writeDirectory(objects, files(["a", "b"]));
    assert.equal(objects.objects.size, 1);
    assert.equal(decodeNode(objects.get(id)).kind, "leaf");
  });

  test("that is large is a branch over leaves, none of them too large", () => {
    const objects = new MemoryObjects();
    const branch = decodeNode(objects.get(writeDirectory(objects, files(manyNames)).id));
    assert.ok(branch.kind === "branch" && branch.parts.length > 4);
    for (const { id } of branch.parts) assert.ok(objects.get(id).length <= treeLeafBytesMax + 64);
  });

  test("that is large changes in few leaves when one name is added", () => {
    const before = new MemoryObjects();
    writeDirectory(before, files(manyNames));
    for (const name of ["0 first", "a file with quite a long name 5", "z last"]) {
      const after = new MemoryObjects();
      writeDirectory(after, files([...manyNames, name]));
      // The branch, the leaf with the name, and the next where the name moved the place of a cut.
      assert.ok(after.newAgainst(before) <= 3, `${after.newAgainst(before)} new nodes`);
    }
  });

  test("that is large has the same id, whatever it was before", () => {
    const objects = new MemoryObjects();
    const { id } = writeDirectory(objects, files(manyNames));
    writeDirectory(objects, files([...manyNames, "another"]));
    assert.deepEqual(writeDirectory(objects, files(manyNames)).id, id);
  });

  test("with a single entry larger than a leaf is one leaf", () => {
    const objects = new MemoryObjects();
    const xattrs = [1, 2].map((n) => ({ name: Buffer.from(`user.${n}`), value: Buffer.alloc(60_000) }));
    const entries = files(["a", "b", "c"]).map((entry) => ({ ...entry, xattrs }));
    const { id } = writeDirectory(objects, entries);
    assert.deepEqual(readDirectory(objects, id), entries);
  });
});

describe("a branch is refused", () => {
  const objects = new MemoryObjects();
  const leaf = (...names: string[]) => writeDirectory(objects, files(names)).id;
  const part = (lastName: string, ...names: string[]) => ({
    lastName: Buffer.from(lastName),
    id: leaf(...names),
  });
  const four = { files: 4, directories: 0, logicalBytes: 12 };
  const read = (sums: typeof four, ...parts: ReturnType<typeof part>[]) =>
    readDirectory(objects, objects.put("tree", encodeBranch(sums, parts)));

  test("unless it is right", () => {
    assert.equal(read(four, part("b", "a", "b"), part("d", "c", "d")).length, 4);
  });

  test("when it names a leaf after another than its last name", () => {
    assert.throws(
      () => read(four, part("a", "a", "b"), part("d", "c", "d")),
      withCode("corrupt", /match its leaves/),
    );
  });

  test("when leaves overlap", () => {
    assert.throws(
      () => read(four, part("c", "a", "c"), part("d", "b", "d")),
      withCode("corrupt", /not in order/),
    );
  });

  test("when its sums are wrong in anything", () => {
    for (const wrong of [{ files: 5 }, { directories: 1 }, { logicalBytes: 13 }]) {
      const sums = { ...four, ...wrong };
      assert.throws(() => read(sums, part("b", "a", "b"), part("d", "c", "d")), withCode("corrupt", /sums/));
    }
  });

  test("when it stands over another branch, or over nothing", () => {
    const inner = objects.put("tree", encodeBranch(four, [part("b", "a", "b"), part("d", "c", "d")]));
    const parts = [{ lastName: Buffer.from("d"), id: inner }, part("e", "e")];
    assert.throws(() => read(four, ...parts), withCode("corrupt", /match its leaves/));
    assert.throws(
      () => read(four, part("", ...[]), part("d", "c", "d")),
      withCode("corrupt", /match its leaves/),
    );
  });
});

describe("a root", () => {
  const root: DirectoryTreeEntry = {
    type: "directory",
    name: Buffer.from("ignored"),
    ...plainMetadata,
    id: Buffer.alloc(32, 9),
    sums: noSums(),
  };

  test("keeps the directory's own metadata, without a name", () => {
    const objects = new MemoryObjects();
    assert.deepEqual(readRoot(objects, writeRoot(objects, root)), { ...root, name: Buffer.alloc(0) });
  });

  test("is told from an ordinary directory", () => {
    const objects = new MemoryObjects();
    const notRoots = [writeDirectory(objects, []).id, writeDirectory(objects, files(["a"])).id];
    notRoots.push(
      objects.put(
        "tree",
        encodeNode({ kind: "leaf", sums: { ...noSums(), directories: 1 }, entries: [{ ...root }] }),
      ),
    );
    for (const id of notRoots)
      assert.throws(() => readRoot(objects, id), withCode("corrupt", /not the root of a tree/));
  });
});
