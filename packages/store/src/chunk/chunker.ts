/**
 * Content-defined chunking: FastCDC with normalised chunking (Xia et al., "FastCDC: a Fast and Efficient
 * Content-Defined Chunking Approach for Data Deduplication", USENIX ATC 2016), with a 32-bit gear hash. The boundaries
 * are part of the format: the same bytes are cut at the same places on every machine and in every version.
 *
 * The gear shifts left, so the highest bits depend on the most bytes (32); the masks take those. Below the average size
 * a stricter mask makes a cut rarer, above it a looser one makes it likelier (normalisation level 2).
 */
import { chunkBytesAverage, chunkBytesMax, chunkBytesMin } from "../limits.js";
import { hash } from "./hash.js";

/**
 * 256 words: the first four bytes, little-endian, of BLAKE3("chaser gear v1" followed by the byte). Signed, as all bitwise
 * results are in JavaScript: with unsigned words the cut takes half as long again.
 */
export const gear: Int32Array = Int32Array.from({ length: 256 }, (_, byte) =>
  hash(Buffer.concat([Buffer.from("chaser gear v1"), Buffer.from([byte])])).readInt32LE(0),
);

/** 18 and 14 leading bits: average 64 KiB is 16 bits, two more and two fewer. */
const strictMask = 0xffffc000 | 0;
const looseMask = 0xfffc0000 | 0;

/**
 * The end of the chunk that starts at `start`. `end` is where the available bytes end; give at least
 * `chunkBytesMax` bytes unless the file ends there, else the cut depends on how it was read.
 */
export function cut(bytes: Uint8Array, start: number, end: number): number {
  const available = end - start;
  if (available <= chunkBytesMin) return end;
  const normal = start + Math.min(chunkBytesAverage, available);
  const limit = start + Math.min(chunkBytesMax, available);
  const words = gear;
  let fingerprint = 0;
  let at = start + chunkBytesMin;
  for (; at < normal; at++) {
    fingerprint = ((fingerprint << 1) + (words[bytes[at] as number] as number)) | 0;
    if ((fingerprint & strictMask) === 0) return at + 1;
  }
  for (; at < limit; at++) {
    fingerprint = ((fingerprint << 1) + (words[bytes[at] as number] as number)) | 0;
    if ((fingerprint & looseMask) === 0) return at + 1;
  }
  return limit;
}
