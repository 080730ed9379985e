/**
 * The end of a command's output in one run of bytes, to be kept when its session is gone. Each piece is one byte for its stream
 * (0: stdout, 1: stderr), four for its length, little-endian, and its bytes.
 */
import type { OutputLog, OutputPiece } from "@chaser/runtime";

const headBytes = 5;
const streams = ["stdout", "stderr"] as const;

/** The last pieces of `log` that take at most `bytesMax`, heads included. */
export function encodeOutput(log: OutputLog, bytesMax: number): { bytes: Buffer; startOffset: number } {
  const frames: Buffer[] = [];
  let length = 0;
  let startOffset = log.endOffset;
  const pieces: OutputPiece[] = [];
  for (let at = log.startOffset, piece = log.read(at); piece !== null; piece = log.read(at)) {
    at = piece.offset + piece.bytes.length;
    if (piece.bytes.length > 0) pieces.push(piece);
  }
  for (const { stream, bytes, offset } of pieces.reverse()) {
    const room = bytesMax - length - headBytes;
    if (room <= 0) break;
    const kept = bytes.subarray(Math.max(0, bytes.length - room));
    const head = Buffer.alloc(headBytes);
    head.writeUInt8(streams.indexOf(stream), 0);
    head.writeUInt32LE(kept.length, 1);
    frames.push(Buffer.concat([head, kept]));
    length += headBytes + kept.length;
    startOffset = offset + bytes.length - kept.length;
    if (kept.length < bytes.length) break;
  }
  return { bytes: Buffer.concat(frames.reverse()), startOffset };
}

/** What `encodeOutput` wrote, from `offset` on. */
export function* decodeOutput(
  bytes: Buffer,
  startOffset: number,
  offset: number,
): Generator<Pick<OutputPiece, "stream" | "bytes" | "offset">> {
  let position = startOffset;
  for (let at = 0; at < bytes.length;) {
    const stream = streams[bytes.readUInt8(at)] ?? "stdout";
    const piece = bytes.subarray(at + headBytes, at + headBytes + bytes.readUInt32LE(at + 1));
    at += headBytes + piece.length;
    const from = Math.max(0, offset - position);
    if (from < piece.length) yield { stream, bytes: piece.subarray(from), offset: position + from };
    position += piece.length;
  }
}
