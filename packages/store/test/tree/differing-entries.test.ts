import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteWriter } from "../../src/bytes.js";
import type { Digest } from "../../src/chunk/hash.js";
import { readDifferingEntries } from "../../src/tree/differing-entries.js";
import { writeDirectory } from "../../src/tree/directory.js";
import type { TreeEntry } from "../../src/tree/entry.js";
import { decodeNode, encodeEntry } from "../../src/tree/node.js";
import { withCode } from "../errors.js";
import { Random, seedOfRun } from "../random.js";
import { MemoryObjects } from "./memory-objects.js";
import { randomEntries } from "./random-entries.js";

class CountingObjects extends MemoryObjects {
  reads = 0;

  override get(id: Digest): Buffer {
    this.reads += 1;
    return super.get(id);
  }
}

/** Some removed, some changed, some new. */
function changed(random: Random, entries: TreeEntry[], share: number): TreeEntry[] {
  const names = new Set(entries.map(({ name }) => name.toString("hex")));
  const added = randomEntries(random, Math.ceil(entries.length * share)).filter(
    ({ name }) => !names.has(name.toString("hex")),
  );
  const kept = entries
    .filter(() => !random.chance(share))
    .map((entry) => (random.chance(share) ? { ...entry, mode: entry.mode ^ 1 } : entry));
  return [...kept, ...added].sort((a, b) => a.name.compare(b.name));
}

function others(entries: TreeEntry[], than: TreeEntry[]): TreeEntry[] {
  const encodings = new Set(than.map(encoded));
  return entries.filter((entry) => !encodings.has(encoded(entry)));
}

function encoded(entry: TreeEntry): string {
  const out = new ByteWriter();
  encodeEntry(out, entry);
  return out.finish().toString("latin1");
}

describe("the entries by which two directories differ", () => {
  test("are those that a comparison of all with all finds", () => {
    const random = new Random(seedOfRun());
    for (const count of [0, 1, 5, 50, 800]) {
      for (const share of [0.002, 0.3, 1]) {
        const objects = new MemoryObjects();
        const before = randomEntries(random, count);
        const after = changed(random, before, share);
        const ids = [before, after].map((entries) => writeDirectory(objects, entries).id) as [Digest, Digest];
        assert.deepEqual(
          readDifferingEntries(objects, ...ids),
          { before: others(before, after), after: others(after, before) },
          `seed ${random.seed}, ${count} entries`,
        );
      }
    }
  });

  test("are found without reading the leaves that both directories have", () => {
    const random = new Random(seedOfRun());
    const objects = new CountingObjects();
    const before = randomEntries(random, 2000);
    const after = before.map((entry, n) => (n === 1000 ? { ...entry, mode: entry.mode ^ 1 } : entry));
    const [left, right] = [before, after].map((entries) => writeDirectory(objects, entries).id) as [
      Digest,
      Digest,
    ];
    const node = decodeNode(objects.get(left));
    assert.ok(node.kind === "branch" && node.parts.length > 4);
    objects.reads = 0;
    assert.equal(readDifferingEntries(objects, left, right).after.length, 1, `seed ${random.seed}`);
    assert.equal(objects.reads, 4, "two branches and two leaves");
  });

  test("are not made up from what is no directory", () => {
    const objects = new MemoryObjects();
    const { id } = writeDirectory(objects, randomEntries(new Random(7), 3));
    const cut = objects.get(id).subarray(0, -1);
    for (const bytes of [Buffer.from("no node at all"), cut]) {
      const other = objects.put("tree", bytes);
      assert.throws(() => readDifferingEntries(objects, id, other), withCode("corrupt"));
      assert.throws(() => readDifferingEntries(objects, other, id), withCode("corrupt"));
    }
  });
});
