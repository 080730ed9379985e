/**
 * The rows of one block of an index segment, as 32-bit words, and the search in them: first the prefix of each row, the
 * first word of its id, then the rest of each row. A search passes over prefixes, which lie close together in memory,
 * and touches one rest. Words are little-endian, as on every processor that Node supports; ids are sorted as bytes, so
 * prefixes are turned round to be compared.
 */
import { digestBytes, type Digest } from "../chunk/hash.js";

/** All of a row. */
export const rowWords = 11;
export const rowBytes = 4 * rowWords;
/** All but the prefix: seven words of the id, then frame, offset and length. */
export const restWords = rowWords - 1;
export const frameWord = 7;
export const offsetWord = 8;
export const lengthWord = 9;

/** Guesses before the search halves instead: ids that somebody chose may lie as unevenly as they like. */
const guessesMax = 8;

/** A word of an id as a number that sorts as its bytes do. */
export function turned(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

/** The prefix of a row in a block whose words start at `base`, as a number that sorts as the bytes do. */
export function prefixAt(words: Uint32Array, base: number, row: number): number {
  return turned(words[base + row] as number);
}

/** The order of two rests by what they have of the id: below, above or exactly zero. */
export function compareRests(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): number {
  for (let n = 0; n < frameWord; n++) {
    const left = a[aAt + n] as number;
    const right = b[bAt + n] as number;
    if (left !== right) return turned(left) - turned(right);
  }
  return 0;
}

/** 32 bits of an id; several times faster than `readUInt32BE`, which checks its argument. */
function wordOf(id: Digest, at: number): number {
  const high = ((id[at] as number) << 24) | ((id[at + 1] as number) << 16);
  return (high | ((id[at + 2] as number) << 8) | (id[at + 3] as number)) >>> 0;
}

export function prefixOf(id: Digest): number {
  return wordOf(id, 0);
}

/** Writes an id into a block of `count` rows that starts with the first word. */
export function writeId(words: Uint32Array, count: number, row: number, id: Digest): void {
  words[row] = id.readUInt32LE(0);
  const rest = count + row * restWords;
  for (let n = 0; n < frameWord; n++) words[rest + n] = id.readUInt32LE(4 * (n + 1));
}

export function readId(words: Uint32Array, count: number, row: number): Digest {
  const id = Buffer.allocUnsafe(digestBytes);
  id.writeUInt32LE(words[row] as number, 0);
  const rest = count + row * restWords;
  for (let n = 0; n < frameWord; n++) id.writeUInt32LE(words[rest + n] as number, 4 * (n + 1));
  return id;
}

/** The order of an id and a rest whose prefixes are the same. */
export function compareRest(id: Digest, words: Uint32Array, rest: number): number {
  for (let n = 0; n < frameWord; n++) {
    const difference = wordOf(id, 4 * (n + 1)) - turned(words[rest + n] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Where the rest of the row with this id starts, or -1, in a block of `count` rows that starts at `base`. Its prefixes go
 * from `lowPrefix` up to, not including, `highPrefix`, and are uniform, so a lookup guesses its place and needs a few
 * probes (interpolation search; Perl, Itai, Avni, 1978).
 */
export function searchRows(
  words: Uint32Array,
  base: number,
  count: number,
  id: Digest,
  lowPrefix: number,
  highPrefix: number,
): number {
  const wanted = prefixOf(id);
  let low = 0;
  let high = count;
  for (let probe = 0; low < high; probe++) {
    const share = probe < guessesMax ? (wanted - lowPrefix) / (highPrefix - lowPrefix || 1) : 0.5;
    const middle = Math.min(high - 1, low + Math.floor((high - low) * Math.max(0, share)));
    const prefix = turned(words[base + middle] as number);
    const rest = base + count + middle * restWords;
    const order = wanted === prefix ? compareRest(id, words, rest) : wanted - prefix;
    if (order === 0) return rest;
    if (order < 0) {
      high = middle;
      highPrefix = prefix;
    } else {
      low = middle + 1;
      lowPrefix = prefix;
    }
  }
  return -1;
}
