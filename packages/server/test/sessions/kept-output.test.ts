import assert from "node:assert/strict";
import { test } from "node:test";
import type { OutputLog, OutputName, OutputPiece } from "@chaser/runtime";
import { decodeOutput, encodeOutput } from "../../src/sessions/kept-output.js";

/** A log that kept everything after its first `lost` bytes. */
function logOf(lost: number, ...written: [OutputName, string][]): OutputLog {
  let offset = lost;
  const pieces = written.map(([stream, text]): OutputPiece => {
    const piece = { stream, bytes: Buffer.from(text), offset, lostBytes: 0 };
    offset += text.length;
    return piece;
  });
  return {
    startOffset: lost,
    endOffset: offset,
    read: (at: number) => pieces.find((piece) => piece.offset + piece.bytes.length > at) ?? null,
  } as OutputLog;
}

const show = (bytes: Buffer, start: number, from: number): unknown[] =>
  [...decodeOutput(bytes, start, from)].map((piece) => [piece.stream, piece.bytes.toString(), piece.offset]);

test("what a command printed comes back in order, from any byte", () => {
  const { bytes, startOffset } = encodeOutput(
    logOf(0, ["stdout", "ab"], ["stderr", "c"], ["stdout", "def"]),
    1000,
  );
  assert.equal(startOffset, 0);
  assert.deepEqual(show(bytes, 0, 0), [
    ["stdout", "ab", 0],
    ["stderr", "c", 2],
    ["stdout", "def", 3],
  ]);
  assert.deepEqual(show(bytes, 0, 4), [["stdout", "ef", 4]]);
  assert.deepEqual(show(bytes, 0, 6), []);
});

test("of more than may be kept the end is, heads counted", () => {
  for (let bytesMax = 0; bytesMax < 40; bytesMax += 1) {
    const { bytes, startOffset } = encodeOutput(logOf(10, ["stdout", "abcdef"], ["stderr", "ghi"]), bytesMax);
    assert.ok(bytes.length <= bytesMax);
    const text = [...decodeOutput(bytes, startOffset, 0)].map((piece) => piece.bytes.toString()).join("");
    assert.equal(text, "abcdefghi".slice(startOffset - 10));
    if (bytesMax >= 19) assert.equal(startOffset, 10);
  }
});
