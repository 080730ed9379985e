import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hash } from "../../src/chunk/hash.js";
import { listItemsMax } from "../../src/limits.js";
import {
  decodeList,
  encodeList,
  readContent,
  writeContent,
  type ContentItem,
} from "../../src/tree/content.js";
import { withCode } from "../errors.js";
import { MemoryObjects } from "./memory-objects.js";

const chunk = (name: string | number, length = 1000): ContentItem => ({
  kind: "chunk",
  length,
  id: hash(Buffer.from(`chunk ${name}`)),
});
const hole = (length: number): ContentItem => ({ kind: "hole", length });
const chunks = (count: number): ContentItem[] => Array.from({ length: count }, (_, n) => chunk(n));
const sizeOf = (items: ContentItem[]): number => items.reduce((total, { length }) => total + length, 0);

function roundTrip(items: ContentItem[]): { read: ContentItem[]; depth: number | null } {
  const objects = new MemoryObjects();
  const content = writeContent(objects, items);
  return { read: [...readContent(objects, content, sizeOf(items))], depth: content?.depth ?? null };
}

describe("the content of a file comes back", () => {
  for (const [name, items, depth] of [
    ["when it is empty", [], null],
    ["as one chunk, named directly", [chunk(0)], 0],
    ["as two chunks, in a list", chunks(2), 1],
    ["as one hole", [hole(5_000_000_000)], 1],
    ["with holes at both ends", [hole(4096), chunk(0), hole(4096)], 1],
  ] as const) {
    test(name, () => assert.deepEqual(roundTrip([...items]), { read: items, depth }));
  }

  test("as very many chunks, in several levels", () => {
    const items = chunks(100_000);
    const { read, depth } = roundTrip(items);
    assert.deepEqual(read, items);
    assert.ok(depth !== null && depth >= 2);
  });

  test("as more holes than a list takes", () => {
    const items = Array.from({ length: 3 * listItemsMax }, () => hole(4096));
    assert.deepEqual(roundTrip(items).read, items);
  });
});

test("one chunk changed in a long list changes one list on each level", () => {
  const before = new MemoryObjects();
  const items = chunks(50_000);
  writeContent(before, items);
  const after = new MemoryObjects();
  writeContent(after, items.with(25_000, chunk("new")));
  assert.ok(after.newAgainst(before) <= 4, `${after.newAgainst(before)} new lists`);
});

test("every list node is told of, root first", () => {
  const objects = new MemoryObjects();
  const items = chunks(10_000);
  const content = writeContent(objects, items);
  const lists: string[] = [];
  const read = readContent(objects, content, sizeOf(items), (id) => lists.push(id.toString("hex")));
  assert.equal([...read].length, items.length);
  assert.equal(lists[0], content?.id.toString("hex"));
  assert.equal(new Set(lists).size, objects.objects.size);
});

describe("a list is refused", () => {
  const refused = (items: ContentItem[], message: RegExp) =>
    assert.throws(() => decodeList(encodeList(items)), withCode("corrupt", message));

  test("when it is empty", () => refused([], /0 items/));
  test("when it has more items than allowed", () => refused(chunks(listItemsMax + 1), /2049 items/));
  test("when an item has no length", () => refused([hole(0)], /length zero/));
  test("when a chunk is longer than any chunk", () => refused([chunk(0, 256 * 1024 + 1)], /too long/));
  test("when it is of another version", () => {
    const bytes = encodeList(chunks(2));
    bytes.writeUInt8(2, 8);
    assert.throws(() => decodeList(bytes), withCode("corrupt", /version is not known/));
  });
  test("when an item is of no kind", () => {
    const bytes = encodeList(chunks(2));
    bytes.writeUInt8(3, 10);
    assert.throws(() => decodeList(bytes), withCode("corrupt", /kind is unknown/));
  });
  test("when bytes follow it", () => {
    const bytes = Buffer.concat([encodeList(chunks(2)), Buffer.from([0])]);
    assert.throws(() => decodeList(bytes), withCode("corrupt", /too many/));
  });

  const objects = new MemoryObjects();
  const list = (...items: ContentItem[]): ContentItem & { id: Buffer } => ({
    kind: "list",
    length: sizeOf(items),
    id: objects.put("tree", encodeList(items)),
  });
  const read = (depth: number, root: { id: Buffer }, size: number) => [
    ...readContent(objects, { depth, id: root.id }, size),
  ];

  test("when its lengths do not add up to the file", () => {
    assert.throws(() => read(1, list(chunk(0), chunk(1)), 1999), withCode("corrupt", /wrong length/));
  });

  test("when a list inside has another length than it says", () => {
    const wrong = { ...list(chunk(0), chunk(1)), length: 1999 };
    assert.throws(() => read(2, list(wrong), 1999), withCode("corrupt", /wrong length/));
  });

  test("when it is deeper or shallower than the file says", () => {
    assert.throws(() => read(1, list(list(chunk(0))), 1000), withCode("corrupt", /deeper/));
    assert.throws(() => read(2, list(chunk(0)), 1000), withCode("corrupt", /above its lowest level/));
  });
});
