import assert from "node:assert/strict";
import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  decodePackEnds,
  decodePackTrailer,
  encodePackHeader,
  encodePackTail,
  packHeaderBytes,
  packTrailerBytes,
  sortedById,
  type ChunkEntry,
  type FrameEntry,
} from "../../src/pack/format.js";
import { hash } from "../../src/chunk/hash.js";
import { golden } from "../golden.js";
import { failsWith, withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";
import { makePack, readWholePack, withFlip } from "./made-pack.js";

const contents = ["fox", "hedgehog", "badger"].map((name) => Buffer.from(name.repeat(20)));

/** Header, one raw frame and tail, put together by hand. */
function packOf(frames: Partial<FrameEntry>[], chunks: ChunkEntry[], framesLength: number) {
  const digest = hash(Buffer.from("frame"));
  const whole = frames.map((frame) => ({
    ...{ offset: packHeaderBytes, storedBytes: framesLength, plainBytes: framesLength, codec: 0, digest },
    ...frame,
  }));
  const tail = encodePackTail("data", whole, chunks, packHeaderBytes + framesLength);
  return {
    header: encodePackHeader("data"),
    ...tail,
    fileBytes: packHeaderBytes + framesLength + tail.bytes.length,
  };
}

function decoded(pack: ReturnType<typeof packOf>) {
  return decodePackEnds(Buffer.concat([pack.header, pack.bytes]), pack.fileBytes);
}

describe("a pack file", () => {
  test("gives back what was put in", (t) => {
    const made = makePack(temporaryDirectory(t), contents);
    const chunks = readWholePack(made);
    assert.equal(chunks.size, contents.length);
    for (const content of contents) assert.deepEqual(chunks.get(hash(content).toString("hex")), content);
  });

  test("has the bytes that the format states", (t) => {
    const { hex, id, chunks } = golden<{ hex: string; id: string; chunks: string[] }>("pack");
    const made = makePack(
      temporaryDirectory(t),
      chunks.map((chunk) => Buffer.from(chunk, "hex")),
    );
    assert.equal(made.bytes.toString("hex"), hex);
    assert.equal(made.pack.id, id);
  });

  test("does not pass with any single byte flipped", (t) => {
    const made = makePack(temporaryDirectory(t), contents);
    for (let at = 0; at < made.bytes.length; at++) {
      for (const bits of [0x01, 0x80]) {
        withFlip(made.path, at, bits, () => {
          const found = failsWith(["corrupt", "store_version_unsupported"], () => readWholePack(made));
          assert.ok(found, `flip of ${bits} in byte ${at} of ${made.bytes.length} went unseen`);
        });
      }
    }
  });

  test("does not pass with a byte more, or cut short at any length", (t) => {
    const made = makePack(temporaryDirectory(t), contents);
    appendFileSync(made.path, "\0");
    assert.throws(() => readWholePack(made), withCode("corrupt"));
    for (let length = made.bytes.length - 1; length >= 0; length--) {
      truncateSync(made.path, length);
      const found = failsWith(["corrupt"], () => readWholePack(made));
      assert.ok(found, `${length} bytes of ${made.bytes.length} were taken for whole`);
    }
  });

  test("does not pass under the name of another", (t) => {
    const directory = temporaryDirectory(t);
    const one = makePack(directory, contents);
    writeFileSync(one.path, makePack(directory, [Buffer.from("stoat")]).bytes);
    assert.throws(() => readWholePack(one), withCode("corrupt", /holds the contents of pack/));
  });
});

describe("a table of contents, even with a right pack id, is refused", () => {
  const chunk = (name: string, fields: Partial<ChunkEntry> = {}): ChunkEntry => ({
    ...{ id: hash(Buffer.from(name)), frame: 0, offset: 0, length: 10 },
    ...fields,
  });

  test("unless it is wrong in nothing", () => {
    assert.equal(decoded(packOf([{}], [chunk("a"), chunk("b")], 10)).chunks.length, 2);
  });

  test("when a chunk lies outside its frame", () => {
    assert.throws(
      () => decoded(packOf([{}], [chunk("a", { offset: 1 })], 10)),
      withCode("corrupt", /outside/),
    );
    assert.throws(
      () => decoded(packOf([{}], [chunk("a", { frame: 1 })], 10)),
      withCode("corrupt", /outside/),
    );
  });

  test("when a chunk stands in it twice", () => {
    assert.throws(
      () => decoded(packOf([{}], [chunk("a"), chunk("a")], 10)),
      withCode("corrupt", /not in order/),
    );
  });

  test("when frames overlap, leave a gap or run into the contents", () => {
    assert.throws(() => decoded(packOf([{ offset: 17 }], [], 10)), withCode("corrupt", /out of place/));
    assert.throws(() => decoded(packOf([{ storedBytes: 11 }], [], 10)), withCode("corrupt", /do not end/));
    assert.throws(() => decoded(packOf([{ storedBytes: 9 }], [], 10)), withCode("corrupt", /do not end/));
  });

  test("when a chunk is larger than any object", () => {
    const length = 16 * 1024 * 1024 + 1;
    assert.throws(
      () => decoded(packOf([{ plainBytes: length }], [chunk("a", { length })], 10)),
      withCode("corrupt", /larger than any/),
    );
  });

  test("when a frame claims to hold more than any frame may", () => {
    assert.throws(
      () => decoded(packOf([{ plainBytes: 2 ** 31 }], [], 10)),
      withCode("corrupt", /out of place/),
    );
  });
});

test("chunks are sorted by all of their ids, also where these begin alike", () => {
  const ids = Array.from({ length: 2000 }, (_, n) => hash(Buffer.from(`${n}`)));
  for (const [n, id] of ids.entries()) {
    if (n % 2 === 0) id.fill(n % 3, 0, 4);
  }
  const sorted = sortedById(ids.map((id) => ({ id }))).map(({ id }) => id.toString("hex"));
  assert.deepEqual(sorted, ids.map((id) => id.toString("hex")).sort());
});

test("a trailer cannot make a reader allocate more than the file is long", () => {
  const trailer = packOf([{}], [], 10).bytes.subarray(-packTrailerBytes);
  trailer.writeUInt32LE(0xffff_ffff, 0);
  assert.throws(() => decodePackTrailer(trailer, 1000), withCode("corrupt", /does not fit/));
});

describe("under a right pack id is refused", () => {
  /** A pack whose header and trailer say something else, and whose id is right nevertheless. */
  const sealed = (change: (header: Buffer, numbers: Buffer) => void): (() => void) => {
    const { header, bytes, fileBytes } = packOf([{}], [], 10);
    const end = bytes.length - packTrailerBytes + 16;
    change(header, bytes.subarray(end - 16, end));
    hash(Buffer.concat([header, bytes.subarray(0, end)])).copy(bytes, end);
    return () => decodePackEnds(Buffer.concat([header, bytes]), fileBytes);
  };

  test("nothing that is wrong in nothing", () => sealed(() => undefined)());
  test("what does not begin as a pack does", () => {
    assert.throws(
      sealed((header) => header.write("CHSRBACK")),
      withCode("corrupt", /no header/),
    );
  });
  test("a kind that is not known, and one that only the trailer says", () => {
    const unknown = sealed((header, numbers) => {
      header.writeUInt32LE(3, 12);
      numbers.writeUInt32LE(3, 12);
    });
    assert.throws(unknown, withCode("corrupt", /kind 3/));
    assert.throws(
      sealed((_, numbers) => numbers.writeUInt32LE(2, 12)),
      withCode("corrupt", /kind 1/),
    );
  });
});

test("a version that is not known is told apart from damage", () => {
  const pack = packOf([{}], [], 10);
  pack.header.writeUInt32LE(2, 8);
  assert.throws(() => decoded(pack), withCode("store_version_unsupported", /pack version 2/));
});
