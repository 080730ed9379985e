import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PackId } from "../../src/ids.js";
import { hash, type Digest } from "../../src/chunk/hash.js";
import { encodeSegment, Segment, type IndexedPack, type SegmentRow } from "../../src/pack/segment.js";
import { golden } from "../golden.js";
import { failsWith, withCode } from "../errors.js";
import { Random, seedOfRun } from "../random.js";

const packId = (name: string): PackId => hash(Buffer.from(name)).toString("hex") as PackId;
const packs: IndexedPack[] = [
  { id: packId("one"), kind: "data", chunkCount: 2, fileBytes: 1000 },
  { id: packId("two"), kind: "tree", chunkCount: 1, fileBytes: 2000 },
];

function row(id: Digest, n: number): SegmentRow {
  return { id, pack: n % 2, frame: n, offset: 10 * n, length: 100 + n };
}

test("every id is found at its place, and no other id is found", () => {
  const random = new Random(seedOfRun());
  for (const count of [0, 1, 2, 3, 1000, 20_000]) {
    const rows = Array.from({ length: count }, (_, n) => row(hash(Buffer.from(`${random.seed} ${n}`)), n));
    const segment = Segment.decode(encodeSegment(packs, rows));
    assert.equal(segment.chunkCount, count);
    for (const { id, pack, frame, offset, length } of rows) {
      assert.deepEqual(
        segment.find(id),
        { pack: packs[pack]?.id, frame, offset, length },
        `seed ${random.seed}`,
      );
    }
    for (let n = 0; n < 1000; n++) {
      assert.equal(segment.find(random.bytes(32)), null, `seed ${random.seed}`);
    }
  }
});

test("ids that lie close together, or at the ends, are found too", () => {
  const close = Array.from({ length: 5000 }, (_, n) => {
    const id = Buffer.alloc(32, n < 2500 ? 0x00 : 0xff);
    id.writeUInt32BE(n, 28);
    return id;
  });
  const segment = Segment.decode(
    encodeSegment(
      packs,
      close.map((id, n) => row(id, n)),
    ),
  );
  close.forEach((id, n) => assert.equal(segment.find(id)?.frame, n));
  assert.equal(segment.find(Buffer.alloc(32, 0x80)), null);
  assert.equal(segment.find(Buffer.alloc(32, 0xff)), null);
});

test("an id given twice stands once", () => {
  const id = hash(Buffer.from("twice"));
  const segment = Segment.decode(encodeSegment(packs, [row(id, 0), row(id, 1)]));
  assert.equal(segment.chunkCount, 1);
  assert.equal([...segment.entries()].length, 1);
});

test("entries come sorted by id, with their places", () => {
  const ids = ["c", "a", "b"].map((name) => hash(Buffer.from(name)));
  const segment = Segment.decode(
    encodeSegment(
      packs,
      ids.map((id, n) => row(id, n)),
    ),
  );
  const entries = [...segment.entries()];
  const sorted = [...ids].sort((a, b) => a.compare(b));
  assert.deepEqual(
    entries.map(({ id }) => id.toString("hex")),
    sorted.map((id) => id.toString("hex")),
  );
  for (const { id, location } of entries) assert.deepEqual(segment.find(id), location);
});

test("packs come back with kind, count and size", () => {
  assert.deepEqual(Segment.decode(encodeSegment(packs, [])).packs, packs);
});

test("a segment has the bytes that the format states", () => {
  const { hex, rows } = golden<{ hex: string; rows: { id: string; pack: number; frame: number }[] }>("index");
  const encoded = encodeSegment(
    packs,
    rows.map(({ id, pack, frame }) => ({ id: Buffer.from(id, "hex"), pack, frame, offset: 7, length: 9 })),
  );
  assert.equal(encoded.toString("hex"), hex);
});

describe("damage", () => {
  const bytes = encodeSegment(
    packs,
    ["a", "b", "c"].map((name, n) => row(hash(Buffer.from(name)), n)),
  );

  test("of any single byte is detected", () => {
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ 0x04;
      assert.ok(
        failsWith(["corrupt", "store_version_unsupported"], () => Segment.decode(flipped)),
        `flip of byte ${at} went unseen`,
      );
    }
  });

  test("by truncation is detected at every length", () => {
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => Segment.decode(Buffer.from(bytes.subarray(0, length))), withCode("corrupt"));
    }
  });
});
