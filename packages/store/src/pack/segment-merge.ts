/** Several index segments as one: rows pass through one block at a time, whatever their number. */
import type { PackId } from "../ids.js";
import type { IndexedPack } from "./segment-format.js";
import {
  compareRests,
  frameWord,
  lengthWord,
  offsetWord,
  prefixAt,
  restWords,
  rowWords,
} from "./segment-rows.js";
import { Segment } from "./segment.js";

/** Stands for a frame of a pack that is left out. */
const left = 0xffff_ffff;

export interface Merge {
  packs: IndexedPack[];
  /** Rows of the result at most; those that are in several segments stand once in it. */
  rowsMax: number;
  /** The 2^bits blocks in turn. */
  blocks: (bits: number) => Generator<Uint32Array>;
}

/** Of an id that stands in several segments the first counts. Packs in `gone` are left out with their rows. */
export function mergeSegments(segments: readonly Segment[], gone: ReadonlySet<PackId>): Merge {
  const packs: IndexedPack[] = [];
  const firstFrames = new Map<PackId, number>();
  let frames = 0;
  const frameMaps = segments.map((segment) => {
    const map = new Uint32Array(segment.packs.reduce((total, pack) => total + pack.frameCount, 0)).fill(left);
    let at = 0;
    for (const pack of segment.packs) {
      if (!gone.has(pack.id)) {
        let first = firstFrames.get(pack.id);
        if (first === undefined) {
          first = frames;
          firstFrames.set(pack.id, first);
          packs.push(pack);
          frames += pack.frameCount;
        }
        for (let frame = 0; frame < pack.frameCount; frame++) map[at + frame] = first + frame;
      }
      at += pack.frameCount;
    }
    return map;
  });
  return {
    packs,
    rowsMax: segments.reduce((total, segment) => total + segment.chunkCount, 0),
    blocks: (bits) =>
      mergedBlocks(
        segments.map((segment, n) => new Cursor(segment, frameMaps[n] as Uint32Array)),
        bits,
      ),
  };
}

/** The merged segments, in memory. */
export function mergeInMemory(segments: readonly Segment[], gone: ReadonlySet<PackId> = new Set()): Segment {
  const merge = mergeSegments(segments, gone);
  const [rows] = merge.blocks(0);
  return Segment.ofRows(merge.packs, rows as Uint32Array);
}

/** Goes through the rows of one segment that are kept. */
class Cursor {
  words: Uint32Array = new Uint32Array();
  row = -1;
  prefix = 0;
  /** Where in the words the rest of the present row starts. */
  rest = 0;
  /** Of the present row, counted through the packs of the result. */
  frame = 0;
  readonly #segment: Segment;
  readonly #frameMap: Uint32Array;
  #count = 0;
  #nextBlock = 0;

  constructor(segment: Segment, frameMap: Uint32Array) {
    this.#segment = segment;
    this.#frameMap = frameMap;
  }

  /** False when there are no more. */
  advance(): boolean {
    do {
      this.row += 1;
      while (this.row >= this.#count) {
        if (this.#nextBlock === 2 ** this.#segment.bits) return false;
        this.words = this.#segment.block(this.#nextBlock++);
        this.#count = this.words.length / rowWords;
        this.row = 0;
      }
      this.rest = this.#count + this.row * restWords;
      const frame = this.#frameMap[this.words[this.rest + frameWord] as number];
      if (frame === undefined) this.#segment.refuseFrame();
      this.frame = frame;
    } while (this.frame === left);
    this.prefix = prefixAt(this.words, 0, this.row);
    return true;
  }

  isBefore(other: Cursor): boolean {
    if (this.prefix !== other.prefix) return this.prefix < other.prefix;
    return compareRests(this.words, this.rest, other.words, other.rest) < 0;
  }
}

/** A block that is being put together. */
class Block {
  #prefixes: Uint32Array = new Uint32Array(1024);
  #rests: Uint32Array = new Uint32Array(1024 * restWords);
  #count = 0;
  #lastPrefix = -1;

  /** Adds the present row of a cursor, unless its id is that of the row before. */
  add({ words, row, rest, prefix, frame }: Cursor): void {
    const at = this.#count * restWords;
    if (prefix === this.#lastPrefix && compareRests(this.#rests, at - restWords, words, rest) === 0) return;
    if (this.#count === this.#prefixes.length) {
      this.#prefixes = doubled(this.#prefixes);
      this.#rests = doubled(this.#rests);
    }
    this.#prefixes[this.#count] = words[row] as number;
    const rests = this.#rests;
    for (let word = 0; word < frameWord; word++) rests[at + word] = words[rest + word] as number;
    rests[at + frameWord] = frame;
    rests[at + offsetWord] = words[rest + offsetWord] as number;
    rests[at + lengthWord] = words[rest + lengthWord] as number;
    this.#lastPrefix = prefix;
    this.#count += 1;
  }

  /** All of it; what is added next starts another block. */
  take(): Uint32Array {
    const words = new Uint32Array(this.#count * rowWords);
    words.set(this.#prefixes.subarray(0, this.#count));
    words.set(this.#rests.subarray(0, this.#count * restWords), this.#count);
    this.#count = 0;
    this.#lastPrefix = -1;
    return words;
  }
}

function doubled(words: Uint32Array): Uint32Array {
  const longer = new Uint32Array(2 * words.length);
  longer.set(words);
  return longer;
}

function* mergedBlocks(all: Cursor[], bits: number): Generator<Uint32Array> {
  let cursors = all.filter((cursor) => cursor.advance());
  const block = new Block();
  let number = 0;
  while (cursors.length > 0) {
    let least = cursors[0] as Cursor;
    for (const cursor of cursors) if (cursor.isBefore(least)) least = cursor;
    const numberOfRow = bits === 0 ? 0 : least.prefix >>> (32 - bits);
    for (; number < numberOfRow; number++) yield block.take();
    block.add(least);
    if (!least.advance()) cursors = cursors.filter((cursor) => cursor !== least);
  }
  for (; number < 2 ** bits; number++) yield block.take();
}
