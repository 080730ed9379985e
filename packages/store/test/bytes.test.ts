import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteReader, ByteWriter } from "../src/bytes.js";
import { failsWith, withCode } from "./errors.js";
import { Random, seedOfRun } from "./random.js";

function written(write: (out: ByteWriter) => void): Buffer {
  const out = new ByteWriter(1);
  write(out);
  return out.finish();
}

const reader = (...bytes: number[]): ByteReader => new ByteReader(Buffer.from(bytes), "test");

describe("varint", () => {
  const wholeNumbers = [0, 1, 127, 128, 16383, 16384, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER];
  for (const value of wholeNumbers) {
    test(`${value} comes back`, () => {
      const bytes = written((out) => out.varint(value));
      const input = new ByteReader(bytes, "test");
      assert.equal(input.varint(), value);
      input.end();
    });
  }

  test("takes one byte for each seven bits", () => {
    assert.deepEqual(
      written((out) => out.varint(300)),
      Buffer.from([0xac, 0x02]),
    );
    assert.equal(written((out) => out.varint(Number.MAX_SAFE_INTEGER)).length, 8);
  });

  test("refuses what is no whole number up to 2^53 - 1", () => {
    for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53])
      assert.throws(() => new ByteWriter().varint(value), RangeError);
  });

  test("has one encoding: a longer form is corrupt", () => {
    assert.throws(() => reader(0x80, 0x00).varint(), withCode("corrupt", /shortest form/));
    assert.throws(() => reader(0xff, 0x80, 0x00).varint(), withCode("corrupt", /shortest form/));
  });

  test("is corrupt beyond 2^53 - 1, however long", () => {
    const above = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10];
    assert.throws(() => reader(...above).varint(), withCode("corrupt", /too large/));
    const endless = [...Array<number>(500).fill(0x80), 0x01];
    assert.throws(() => reader(...endless).varint(), withCode("corrupt"));
  });

  test("is corrupt when it ends early", () => {
    assert.throws(() => reader(0x80).varint(), withCode("corrupt", /ends early/));
  });
});

describe("signed", () => {
  for (const value of [0, -1, 1, -2, 2 ** 40, -(2 ** 40), 2 ** 52 - 1, -(2 ** 52)]) {
    test(`${value} comes back`, () => {
      assert.equal(
        new ByteReader(
          written((out) => out.signed(value)),
          "test",
        ).signed(),
        value,
      );
    });
  }
});

describe("text", () => {
  test("comes back, beyond ASCII too", () => {
    const bytes = written((out) => out.text("Grüße 🦊"));
    assert.equal(new ByteReader(bytes, "test").text(64), "Grüße 🦊");
  });

  test("is corrupt when it is not UTF-8 or longer than allowed", () => {
    assert.throws(() => reader(1, 0xff).text(8), withCode("corrupt", /UTF-8/));
    assert.throws(() => reader(3, 65, 65, 65).text(2), withCode("corrupt", /above the limit/));
  });
});

test("a reader names what it reads and where it failed", () => {
  const input = new ByteReader(Buffer.from([1, 2, 3]), "record of a fox");
  input.u8();
  assert.throws(
    () => input.u32(),
    withCode("corrupt", /^record of a fox: ends early, 4 bytes wanted at byte 1$/),
  );
});

test("what does not begin as it should is corrupt", () => {
  const input = new ByteReader(Buffer.from("MAGICK"), "test");
  assert.throws(() => input.magic("MAGIX"), withCode("corrupt", /does not start with MAGIX/));
});

test("bytes left over are corrupt", () => {
  assert.throws(() => reader(1).end(), withCode("corrupt", /1 bytes too many/));
});

test("a writer grows past its first buffer, and is empty after reset", () => {
  const out = new ByteWriter(1);
  const big = Buffer.alloc(100_000, 7);
  out.bytes(big);
  assert.deepEqual(out.finish(), big);
  out.reset();
  assert.equal(out.length, 0);
});

test("any bytes decode to a value or are corrupt, and a value encodes to the bytes it was read from", () => {
  const random = new Random(seedOfRun());
  for (let round = 0; round < 20_000; round++) {
    const bytes = random.bytes(1 + random.below(10));
    const input = new ByteReader(bytes, "test");
    let value = 0;
    if (failsWith(["corrupt"], () => (value = input.varint()))) continue;
    const again = written((out) => out.varint(value));
    assert.deepEqual(again, bytes.subarray(0, input.position), `seed ${random.seed}`);
  }
});
