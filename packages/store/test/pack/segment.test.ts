import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import { hash, type Digest } from "../../src/chunk/hash.js";
import type { ChunkEntry } from "../../src/pack/format.js";
import { encodeSegmentHead } from "../../src/pack/segment-format.js";
import { Segment } from "../../src/pack/segment.js";
import { anywhere } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { failsWith, withCode } from "../errors.js";
import { golden } from "../golden.js";
import { Random, seedOfRun } from "../random.js";
import { temporaryDirectory } from "../temporary.js";
import { segmentBytes, segmentFile, toldPack } from "./made-segment.js";

const idOf = (text: string): Digest => hash(Buffer.from(text));
const entry = (id: Digest, n: number): ChunkEntry => ({ id, frame: n, offset: 10 * n, length: 100 + n });

function opened(t: TestContext, path: string, files = linuxFiles): Segment {
  const segment = Segment.open(files, path);
  assert.ok(segment !== null);
  t.after(() => segment.close());
  return segment;
}

test("every id is found at its place, and no other id is found", (t) => {
  const directory = temporaryDirectory(t);
  const random = new Random(seedOfRun());
  for (const count of [0, 1, 2, 3, 1000, 20_000]) {
    const packs = [0, 1].map((pack) =>
      toldPack(
        `pack ${pack}`,
        Array.from({ length: count }, (_, n) => entry(idOf(`${random.seed} ${count} ${pack} ${n}`), n % 500)),
      ),
    );
    const segment = opened(t, segmentFile(directory, packs));
    assert.equal(segment.chunkCount, 2 * count);
    for (const { id: pack, chunks } of packs) {
      for (const { id, frame, offset, length } of chunks) {
        assert.deepEqual(segment.find(id), { pack, frame, offset, length }, `seed ${random.seed}`);
        assert.ok(segment.has(id));
      }
    }
    for (let n = 0; n < 1000; n++) {
      const other = random.bytes(32);
      assert.equal(segment.find(other), null, `seed ${random.seed}`);
      assert.ok(!segment.has(other));
    }
  }
});

test("ids that lie close together, or at the ends, are found too", (t) => {
  const close = Array.from({ length: 5000 }, (_, n) => {
    const id = Buffer.alloc(32, n < 2500 ? 0x00 : 0xff);
    id.writeUInt32BE(n, 28);
    return id;
  });
  const segment = opened(t, segmentFile(temporaryDirectory(t), [toldPack("one", close.map(entry))]));
  close.forEach((id, n) => assert.equal(segment.find(id)?.frame, n));
  assert.equal(segment.find(Buffer.alloc(32, 0x80)), null);
  assert.equal(segment.find(Buffer.alloc(32, 0xff)), null);
});

test("an id that stands in two packs stands once, where the first has it", (t) => {
  const id = idOf("twice");
  const packs = [toldPack("one", [entry(id, 0)]), toldPack("two", [entry(id, 1)])];
  const segment = opened(t, segmentFile(temporaryDirectory(t), packs));
  assert.equal(segment.chunkCount, 1);
  assert.deepEqual(
    [...segment.entries()].map(({ location }) => location.pack),
    [packs[0]?.id],
  );
});

test("entries come sorted by id, with their places", (t) => {
  const ids = Array.from({ length: 5000 }, (_, n) => idOf(`${n}`));
  const segment = opened(t, segmentFile(temporaryDirectory(t), [toldPack("one", ids.map(entry))]));
  const entries = [...segment.entries()];
  const sorted = [...ids].sort((a, b) => a.compare(b));
  assert.deepEqual(
    entries.map(({ id }) => id.toString("hex")),
    sorted.map((id) => id.toString("hex")),
  );
  for (const { id, location } of entries) assert.deepEqual(segment.find(id), location);
});

test("packs come back with kind, counts and size", (t) => {
  const packs = [
    toldPack("one", [entry(idOf("a"), 0), entry(idOf("b"), 4)], { fileBytes: 1000 }),
    toldPack("two", [], { kind: "tree", frameCount: 0, fileBytes: 2000 }),
  ];
  assert.deepEqual(Segment.decode(segmentBytes(temporaryDirectory(t), packs)).packs, [
    { id: packs[0]?.id, kind: "data", chunkCount: 2, frameCount: 5, fileBytes: 1000 },
    { id: packs[1]?.id, kind: "tree", chunkCount: 0, frameCount: 0, fileBytes: 2000 },
  ]);
});

describe("the bytes that the format states", () => {
  const { rows, hex, hexOfFourBlocks } = golden<{
    rows: { id: string; pack: number; frame: number }[];
    hex: string;
    hexOfFourBlocks: string;
  }>("index");
  const packs = (["data", "tree"] as const).map((kind, pack) =>
    toldPack(
      pack === 0 ? "one" : "two",
      rows
        .filter((row) => row.pack === pack)
        .map(({ id, frame }) => ({ id: Buffer.from(id, "hex"), frame, offset: 7, length: 9 })),
      { kind, fileBytes: 1000 * (pack + 1) },
    ),
  );

  test("are those that are written", (t) => {
    assert.equal(segmentBytes(temporaryDirectory(t), packs).toString("hex"), hex);
  });

  for (const [blocks, bytes] of Object.entries({ one: hex, four: hexOfFourBlocks })) {
    test(`are read where there are blocks: ${blocks}`, () => {
      const segment = Segment.decode(Buffer.from(bytes, "hex"));
      for (const { id, pack, frame } of rows) {
        const location = { pack: packs[pack]?.id, frame, offset: 7, length: 9 };
        assert.deepEqual(segment.find(Buffer.from(id, "hex")), location);
      }
    });
  }
});

describe("damage", () => {
  const small = (t: TestContext): Buffer =>
    segmentBytes(temporaryDirectory(t), [toldPack("one", ["a", "b", "c"].map(idOf).map(entry))]);

  test("of any single byte is detected", (t) => {
    const bytes = small(t);
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ 0x04;
      assert.ok(
        failsWith(["corrupt", "store_version_unsupported"], () => Segment.decode(flipped)),
        `flip of byte ${at} went unseen`,
      );
    }
  });

  test("by truncation is detected at every length", (t) => {
    const bytes = small(t);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => Segment.decode(Buffer.from(bytes.subarray(0, length))), withCode("corrupt"));
    }
  });

  test("of one block of many is detected when that block is needed", (t) => {
    const directory = temporaryDirectory(t);
    const ids = Array.from({ length: 10_000 }, (_, n) => idOf(`${n}`)).sort((a, b) => a.compare(b));
    const bytes = segmentBytes(directory, [toldPack("one", ids.map(entry))]);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
    writeFileSync(`${directory}/damaged`, bytes);
    const segment = opened(t, `${directory}/damaged`);
    assert.ok(segment.has(ids[0] as Digest));
    assert.ok(!segment.isDamaged);
    assert.throws(() => segment.has(ids.at(-1) as Digest), withCode("corrupt"));
    assert.ok(segment.isDamaged);
  });
});

describe("a head that says what cannot be, under a right digest, is refused", () => {
  const ids = ["a", "b", "c"].map(idOf).sort((a, b) => a.compare(b));
  const made = (t: TestContext, fileBytes?: number): Buffer => {
    const options = fileBytes === undefined ? {} : { fileBytes };
    return segmentBytes(temporaryDirectory(t), [toldPack("one", ids.map(entry), options)]);
  };
  /** Where the digest of the head is: after 24 bytes, one pack and one block. */
  const digestAt = 24 + 48 + 36;
  const sealed = (bytes: Buffer, change: (bytes: Buffer) => void): Buffer => {
    change(bytes);
    hash(bytes.subarray(0, digestAt)).copy(bytes, digestAt);
    return bytes;
  };
  const refused = (bytes: Buffer, message: RegExp) =>
    assert.throws(() => Segment.decode(bytes), withCode("corrupt", message));
  const empty = (bits: number, starts: Uint32Array): Buffer =>
    encodeSegmentHead({ packs: [], bits, starts, blockDigests: Buffer.alloc(2 ** bits * 32) });

  test("unless it is wrong in nothing", (t) => {
    assert.equal(Segment.decode(sealed(made(t), () => undefined)).chunkCount, 3);
  });
  test("of another version", (t) => {
    const bytes = sealed(made(t), (head) => head.writeUInt32LE(2, 8));
    assert.throws(() => Segment.decode(bytes), withCode("store_version_unsupported", /index version 2/));
  });
  test("of more blocks than any segment has", () => {
    refused(empty(17, new Uint32Array(2 ** 17 + 1)), /17 bits/);
  });
  test("of fewer rows than follow it", (t) => {
    refused(Buffer.concat([made(t), Buffer.alloc(44)]), /wrong length/);
  });
  test("of blocks that end before they begin", () => {
    refused(empty(1, Uint32Array.of(0, 1, 0)), /out of order/);
  });
  test("of blocks that are fewer rows together", (t) => {
    // The last row of three is in no block.
    const bytes = sealed(made(t), (head) => {
      head.writeUInt32LE(2, 24 + 48);
      hash(head.subarray(digestAt + 32, digestAt + 32 + 2 * 44)).copy(head, 24 + 48 + 4);
    });
    refused(bytes, /do not add up/);
  });
  test("of a pack that is too short for its tables, or of no kind", (t) => {
    refused(made(t, 3 * 48 + 3 * 44 - 1), /cannot be/);
    refused(
      sealed(made(t), (head) => head.writeUInt32LE(3, 24 + 32)),
      /cannot be/,
    );
  });
});

test("of a large segment, a lookup reads the block that it needs, once", (t) => {
  const ids = Array.from({ length: 20_000 }, (_, n) => idOf(`${n}`));
  const path = segmentFile(temporaryDirectory(t), [toldPack("one", ids.map(entry))]);
  let bytesRead = 0;
  const counting = {
    ...linuxFiles,
    read(fd: number, buffer: Uint8Array, position: number): number {
      bytesRead += buffer.length;
      return linuxFiles.read(fd, buffer, position);
    },
  };
  const segment = opened(t, path, counting);
  const { sizeBytes } = linuxFiles.stat(anywhere, path);
  assert.ok(bytesRead < sizeBytes / 8, `${bytesRead} of ${sizeBytes} bytes read to open it`);
  bytesRead = 0;
  segment.find(ids[0] as Digest);
  assert.ok(
    bytesRead > 0 && bytesRead < sizeBytes / 8,
    `${bytesRead} of ${sizeBytes} bytes read for one lookup`,
  );
  bytesRead = 0;
  segment.find(ids[0] as Digest);
  assert.equal(bytesRead, 0);
});
