import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cut, gear } from "../../src/chunk/chunker.js";
import { hash } from "../../src/chunk/hash.js";
import { chunkBytesMax, chunkBytesMin } from "../../src/limits.js";
import { golden } from "../golden.js";
import { Random, seedOfRun, wordyText } from "../random.js";

interface GoldenCuts {
  random: { seed: number; length: number; ends: number[] };
  text: { seed: number; length: number; words: string[]; ends: number[] };
}

function endsOf(bytes: Uint8Array): number[] {
  const ends: number[] = [];
  for (let start = 0; start < bytes.length;) {
    start = cut(bytes, start, bytes.length);
    ends.push(start);
  }
  return ends;
}

function idsOf(bytes: Buffer): Set<string> {
  let start = 0;
  return new Set(
    endsOf(bytes).map((end) => {
      const id = hash(bytes.subarray(start, end)).toString("hex");
      start = end;
      return id;
    }),
  );
}

describe("the places of the cuts are part of the format", () => {
  const { random, text } = golden<GoldenCuts>("chunks");

  test("for pseudo-random bytes", () => {
    assert.deepEqual(endsOf(new Random(random.seed).bytes(random.length)), random.ends);
  });

  test("for text", () => {
    assert.deepEqual(endsOf(wordyText(new Random(text.seed), text.words, text.length)), text.ends);
  });

  test("the gear table has no value twice", () => {
    assert.equal(new Set(gear).size, 256);
  });
});

test("chunks are between the smallest and the largest size; only the last may be smaller", () => {
  const random = new Random(seedOfRun());
  const bytes = Buffer.concat([random.bytes(1_500_000), Buffer.alloc(1_500_000), random.bytes(500_000)]);
  let start = 0;
  for (const end of endsOf(bytes)) {
    const length = end - start;
    assert.ok(length <= chunkBytesMax, `seed ${random.seed}: ${length} bytes`);
    assert.ok(length > chunkBytesMin || end === bytes.length, `seed ${random.seed}: ${length} bytes`);
    start = end;
  }
});

test("what is not longer than the smallest chunk is one chunk", () => {
  assert.equal(cut(Buffer.alloc(10), 3, 10), 10);
  assert.equal(cut(Buffer.alloc(chunkBytesMin), 0, chunkBytesMin), chunkBytesMin);
});

test("bytes that never match are cut at the largest size", () => {
  assert.equal(cut(Buffer.alloc(2 * chunkBytesMax), 0, 2 * chunkBytesMax), chunkBytesMax);
});

test("a cut depends on nothing after the largest chunk, nor on where the chunk lies", () => {
  const random = new Random(seedOfRun());
  const bytes = random.bytes(4 * chunkBytesMax);
  for (let round = 0; round < 20; round++) {
    const start = random.below(3 * chunkBytesMax);
    const end = cut(bytes, start, bytes.length);
    assert.equal(cut(bytes, start, start + chunkBytesMax), end, `seed ${random.seed}`);
    assert.equal(cut(bytes.subarray(start), 0, bytes.length - start), end - start, `seed ${random.seed}`);
  }
});

test("one byte inserted at the front changes few chunks", () => {
  const random = new Random(seedOfRun());
  const bytes = random.bytes(4_000_000);
  const before = idsOf(bytes);
  const after = idsOf(Buffer.concat([Buffer.from("!"), bytes]));
  const shared = [...after].filter((id) => before.has(id)).length;
  assert.ok(shared >= before.size - 5, `seed ${random.seed}: ${shared} of ${before.size} chunks are shared`);
});
