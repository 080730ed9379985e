import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BaseDirectory, type NameChange } from "../../src/tree/base-directory.js";
import { readDirectory, writeDirectory } from "../../src/tree/directory.js";
import type { TreeEntry } from "../../src/tree/entry.js";
import { decodeNode } from "../../src/tree/node.js";
import { Random, seedOfRun } from "../random.js";
import { MemoryObjects } from "./memory-objects.js";
import { plainMetadata } from "./plain-metadata.js";
import { randomEntries } from "./random-entries.js";

function byName<Named extends { name: Buffer }>(all: Named[]): Named[] {
  return all.sort((a, b) => a.name.compare(b.name));
}

/** Some entries gone, some others' content in their place, some new. */
function randomChanges(random: Random, entries: TreeEntry[], count: number, goneShare: number): NameChange[] {
  const changes = new Map<string, NameChange>();
  const others = randomEntries(random, count);
  for (const other of others) {
    const present = entries.length === 0 || random.chance(0.3) ? null : random.pick(entries);
    const name = present?.name ?? other.name;
    const entry = random.chance(goneShare) ? null : { ...other, name };
    changes.set(name.toString("latin1"), { name, entry });
  }
  return byName([...changes.values()]);
}

function applied(entries: TreeEntry[], changes: NameChange[]): TreeEntry[] {
  const all = new Map(entries.map((entry) => [entry.name.toString("latin1"), entry]));
  for (const { name, entry } of changes) {
    if (entry === null) all.delete(name.toString("latin1"));
    else all.set(name.toString("latin1"), entry);
  }
  return byName([...all.values()]);
}

describe("a directory that is changed in some names", () => {
  test("is byte for byte what writing all of it anew gives, of any size, again and again", () => {
    const random = new Random(seedOfRun());
    for (const [count, changed] of [
      [0, 5],
      [40, 10],
      [700, 1],
      [1500, 3],
      [2000, 200],
    ] as const) {
      const objects = new MemoryObjects();
      let entries = randomEntries(random, count);
      let { id } = writeDirectory(objects, entries);
      for (let round = 0; round < 8; round++) {
        const changes = randomChanges(random, entries, changed, round % 4 === 3 ? 0.9 : 0.3);
        const base = new BaseDirectory(objects, id);
        for (const { name } of changes)
          assert.deepEqual(base.find(name), entries.find((one) => one.name.equals(name)) ?? null);
        entries = applied(entries, changes);
        const found = base.change(objects, changes);
        const anew = writeDirectory(new MemoryObjects(), entries);
        assert.deepEqual(found, anew, `seed ${random.seed}, ${count} entries, round ${round}`);
        ({ id } = found);
      }
      assert.deepEqual(readDirectory(objects, id), entries);
    }
  });

  test("becomes one leaf when little is left, and many when much is new", () => {
    const random = new Random(seedOfRun());
    const objects = new MemoryObjects();
    const entries = randomEntries(random, 3000);
    const { id } = writeDirectory(objects, entries);
    const gone = entries.slice(5).map(({ name }) => ({ name, entry: null }));
    const few = new BaseDirectory(objects, id).change(objects, gone);
    assert.deepEqual(few, writeDirectory(new MemoryObjects(), entries.slice(0, 5)));
    assert.equal(decodeNode(objects.get(few.id)).kind, "leaf");
    const back = entries.slice(5).map((entry) => ({ name: entry.name, entry }));
    assert.deepEqual(new BaseDirectory(objects, few.id).change(objects, back).id, id);
    assert.deepEqual(
      new BaseDirectory(objects, id).change(
        objects,
        entries.map(({ name }) => ({ name, entry: null })),
      ),
      writeDirectory(objects, []),
    );
  });

  test("has the leaves that it should where one was full, and what did not fit becomes smaller or goes", () => {
    const objects = new MemoryObjects();
    const links = byName(
      Array.from({ length: 200 }, (_, n): TreeEntry => {
        return {
          type: "symlink",
          name: Buffer.from(`link-${n}`),
          ...plainMetadata,
          target: Buffer.alloc(3000, "t"),
        };
      }),
    );
    const { id } = writeDirectory(objects, links);
    for (const link of links)
      for (const entry of [null, { ...link, target: Buffer.from("short") } as TreeEntry]) {
        const changes = [{ name: link.name, entry }];
        const found = new BaseDirectory(objects, id).change(objects, changes);
        assert.deepEqual(
          found,
          writeDirectory(new MemoryObjects(), applied(links, changes)),
          link.name.toString(),
        );
      }
  });

  test("is read and written in few of its leaves", () => {
    const random = new Random(seedOfRun());
    const objects = new MemoryObjects();
    const entries = byName(
      Array.from({ length: 20_000 }, (_, n): TreeEntry => {
        const content = { depth: 0, id: Buffer.alloc(32, 1) };
        return { type: "file", name: Buffer.from(`file-${n}`), ...plainMetadata, sizeBytes: 3, content };
      }),
    );
    const { id } = writeDirectory(objects, entries);
    const node = decodeNode(objects.get(id));
    assert.ok(node.kind === "branch" && node.parts.length > 40);
    let read = 0;
    const counting = {
      get: (of: Buffer): Buffer => {
        read += 1;
        return objects.get(of);
      },
    };
    const one = random.pick(entries);
    const after = new MemoryObjects();
    new BaseDirectory(counting, id).change(after, [
      { name: one.name, entry: { ...one, mode: one.mode ^ 1 } },
    ]);
    // The branch and a leaf. Where a leaf is as large as one may be, its neighbours are cut anew, too.
    assert.ok(read <= 8, `${read} read, seed ${random.seed}`);
    assert.ok(after.objects.size <= 8, `${after.objects.size} written, seed ${random.seed}`);
  });
});
