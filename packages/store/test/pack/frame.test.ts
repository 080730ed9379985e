import assert from "node:assert/strict";
import { test } from "node:test";
import { codec, compressFrame, decompressFrame } from "../../src/pack/frame.js";
import { withCode } from "../errors.js";
import { Random, seedOfRun } from "../random.js";

const prose = Buffer.from("the quick brown fox jumps over the lazy dog. ".repeat(300));

test("what compresses is stored smaller, and comes back", () => {
  const { codec: used, stored } = compressFrame(prose);
  assert.equal(used, codec.zstd);
  assert.ok(stored.length < prose.length / 10);
  assert.deepEqual(decompressFrame(stored, used, prose.length), prose);
});

test("frames of every size around the steps of the zstd header come back", () => {
  for (const length of [1, 255, 256, 257, 65_535, 65_791, 65_792, 65_793, 300_000]) {
    const plain = Buffer.alloc(length, "ab");
    const { codec: used, stored } = compressFrame(plain);
    assert.deepEqual(decompressFrame(stored, used, length), plain, `${length} bytes`);
  }
});

test("what does not compress is stored raw, byte for byte", () => {
  const noise = new Random(seedOfRun()).bytes(10_000);
  const { codec: used, stored } = compressFrame(noise);
  assert.equal(used, codec.raw);
  assert.deepEqual(Buffer.from(stored), noise);
  assert.deepEqual(decompressFrame(stored, used, noise.length), noise);
});

test("a zstd frame that declares another size than the table of contents is refused before it is decompressed", () => {
  const bomb = Buffer.from(compressFrame(Buffer.alloc(1_000_000)).stored);
  assert.throws(() => decompressFrame(bomb, codec.zstd, 10), withCode("corrupt", /declares another length/));
});

test("a zstd frame without a declared size is refused", () => {
  const unsized = Buffer.from("28b52ffd0058310000686920686920686920", "hex");
  assert.throws(
    () => decompressFrame(unsized, codec.zstd, 9),
    withCode("corrupt", /declares another length/),
  );
});

test("a zstd frame that is not as long as it declares is corrupt, though the table of contents says the same", () => {
  for (const difference of [-1, 1]) {
    const lying = Buffer.from(compressFrame(Buffer.alloc(1000, "ab")).stored);
    // Magic, descriptor with a size of two bytes, less 256.
    assert.equal(lying.readUInt16LE(5) + 256, 1000);
    lying.writeUInt16LE(1000 - 256 + difference, 5);
    assert.throws(
      () => decompressFrame(lying, codec.zstd, 1000 + difference),
      withCode("corrupt", /cannot be decompressed/),
    );
  }
});

test("a frame that is cut short anywhere is corrupt", () => {
  const { stored } = compressFrame(prose);
  for (let length = 0; length < stored.length; length++) {
    assert.throws(
      () => decompressFrame(stored.subarray(0, length), codec.zstd, prose.length),
      withCode("corrupt"),
    );
  }
  assert.throws(
    () => decompressFrame(prose.subarray(1), codec.raw, prose.length),
    withCode("corrupt", /raw frame/),
  );
});

test("an unknown codec is corrupt", () => {
  assert.throws(() => decompressFrame(prose, 2, prose.length), withCode("corrupt", /codec 2 is unknown/));
});
