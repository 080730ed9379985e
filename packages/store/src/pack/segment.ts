/**
 * An index segment in use. One that was opened from a file holds its head; each block of rows is read into its place,
 * and verified, when it is first asked for: 44 bytes a row at most, and nothing for a store of which little is used.
 */
import { StoreError } from "../errors.js";
import type { PackId } from "../ids.js";
import { digestBytes, hash, type Digest } from "../chunk/hash.js";
import { openIfPresent } from "../platform/durable.js";
import type { Fd, Files } from "../platform/files.js";
import {
  decodeSegmentHead,
  decodeSegmentHeader,
  segmentHeaderBytes,
  segmentName,
  type IndexedPack,
  type SegmentHead,
} from "./segment-format.js";
import {
  frameWord,
  lengthWord,
  offsetWord,
  prefixOf,
  readId,
  restWords,
  rowBytes,
  rowWords,
  searchRows,
  writeId,
} from "./segment-rows.js";
import { sortedById } from "./format.js";
import type { WrittenPack } from "./writer.js";

export interface Location {
  pack: PackId;
  frame: number;
  offset: number;
  length: number;
}

/** Read at once when a segment is opened: the head of most, and small ones whole. */
const firstReadBytes = 64 * 1024;

interface OpenFile {
  files: Files;
  fd: Fd;
  /** Where the rows start. */
  rowsAt: number;
}

export class Segment {
  readonly packs: IndexedPack[];
  readonly chunkCount: number;
  /** How many first bits of an id make the number of its block. */
  readonly bits: number;
  /** What its file is to be called; null when it is in memory alone. */
  readonly name: string | null;
  /** Set when a block did not match its digest. */
  isDamaged = false;
  readonly #starts: Uint32Array;
  readonly #blockDigests: Buffer;
  /** Empty until the first block is read into its place. */
  #rows: Uint32Array;
  /** By number of the pack: how many frames the packs before it have. */
  readonly #framesBefore: Uint32Array;
  /** For each block, whether it is in memory. */
  readonly #isRead: Uint8Array;
  #file: OpenFile | null;

  private constructor(head: SegmentHead, name: string | null, rows: Uint32Array, file: OpenFile | null) {
    this.packs = head.packs;
    this.name = name;
    this.bits = head.bits;
    this.chunkCount = head.starts[2 ** head.bits] as number;
    this.#starts = head.starts;
    this.#blockDigests = head.blockDigests;
    this.#rows = rows;
    this.#file = file;
    this.#isRead = new Uint8Array(2 ** head.bits).fill(file === null ? 1 : 0);
    this.#framesBefore = new Uint32Array(head.packs.length + 1);
    head.packs.forEach((pack, n) => {
      this.#framesBefore[n + 1] = (this.#framesBefore[n] as number) + pack.frameCount;
    });
  }

  /** Of one block of rows in memory. */
  static ofRows(packs: IndexedPack[], rows: Uint32Array): Segment {
    const starts = Uint32Array.of(0, rows.length / rowWords);
    return new Segment({ packs, bits: 0, starts, blockDigests: Buffer.alloc(0) }, null, rows, null);
  }

  /** What a pack says of itself. */
  static ofPack({ id, kind, chunks, frames, fileBytes }: WrittenPack): Segment {
    const sorted = sortedById(chunks);
    const rows = new Uint32Array(sorted.length * rowWords);
    sorted.forEach((chunk, n) => {
      writeId(rows, sorted.length, n, chunk.id);
      const rest = sorted.length + n * restWords;
      rows[rest + frameWord] = chunk.frame;
      rows[rest + offsetWord] = chunk.offset;
      rows[rest + lengthWord] = chunk.length;
    });
    const pack = { id, kind, chunkCount: chunks.length, frameCount: frames.length, fileBytes };
    return Segment.ofRows([pack], rows);
  }

  /** Of the bytes of a whole file, all of it verified. Code `corrupt`. */
  static decode(bytes: Buffer): Segment {
    const { headBytes } = decodeSegmentHeader(bytes, bytes.length);
    const headIs = bytes.subarray(0, headBytes);
    const head = decodeSegmentHead(headIs);
    let body: Uint8Array = bytes.subarray(headBytes);
    // Words are aligned; a small buffer may start anywhere in one that it shares.
    if (body.byteOffset % 4 !== 0) body = new Uint8Array(body);
    const rows = new Uint32Array(body.buffer, body.byteOffset, body.length / 4);
    const segment = new Segment(head, segmentName(headIs), rows, null);
    for (let block = 0; block < 2 ** head.bits; block++) segment.#check(block, segment.#wordsOf(block));
    return segment;
  }

  /** Null when there is no such file. Code `corrupt` when its head is damaged; blocks are verified when they are used. */
  static open(files: Files, path: string): Segment | null {
    const fd = openIfPresent(files, path);
    if (fd === null) return null;
    let isKept = false;
    try {
      const fileBytes = files.statOpen(fd).sizeBytes;
      let bytes = Buffer.alloc(Math.min(fileBytes, firstReadBytes));
      bytes = bytes.subarray(0, files.read(fd, bytes, 0));
      if (bytes.length === fileBytes) return Segment.decode(bytes);
      const { headBytes } = decodeSegmentHeader(bytes.subarray(0, segmentHeaderBytes), fileBytes);
      if (headBytes > bytes.length) {
        bytes = Buffer.alloc(headBytes);
        files.read(fd, bytes, 0);
      }
      const headIs = bytes.subarray(0, headBytes);
      const file = { files, fd, rowsAt: headBytes };
      const segment = new Segment(decodeSegmentHead(headIs), segmentName(headIs), new Uint32Array(), file);
      isKept = true;
      return segment;
    } finally {
      if (!isKept) files.close(fd);
    }
  }

  has(id: Digest): boolean {
    return this.#restOf(id) >= 0;
  }

  find(id: Digest): Location | null {
    const rest = this.#restOf(id);
    return rest < 0 ? null : this.#locationAt(this.#rows, rest);
  }

  *entries(): Generator<{ id: Digest; location: Location }> {
    for (let block = 0; block < 2 ** this.bits; block++) {
      const words = this.block(block);
      const count = words.length / rowWords;
      for (let row = 0; row < count; row++) {
        yield { id: readId(words, count, row), location: this.#locationAt(words, count + row * restWords) };
      }
    }
  }

  /**
   * Tells of each row, in the order of ids: the words of its block, where its prefix and its rest are among them, the
   * number of its pack in `packs`, and that of the block.
   */
  scan(visit: (words: Uint32Array, prefix: number, rest: number, pack: number, block: number) => void): void {
    for (let block = 0; block < 2 ** this.bits; block++) {
      const words = this.block(block);
      const count = words.length / rowWords;
      for (let row = 0, rest = count; row < count; row++, rest += restWords) {
        visit(words, row, rest, this.#packOf(words[rest + frameWord] as number), block);
      }
    }
  }

  /** The rows of a block, verified. Those that no lookup has needed so far are not kept in memory for this. */
  block(block: number): Uint32Array {
    if (this.#isRead[block] === 1) return this.#wordsOf(block);
    return this.#readInto(block, new Uint32Array(this.#countOf(block) * rowWords));
  }

  /** Packs of which some object is named at its place in another pack. */
  sharingPacks(): IndexedPack[] {
    const rows = new Uint32Array(this.packs.length);
    for (let block = 0; block < 2 ** this.bits; block++) {
      const words = this.block(block);
      for (let rest = words.length / rowWords; rest < words.length; rest += restWords) {
        const pack = this.#packOf(words[rest + frameWord] as number);
        rows[pack] = (rows[pack] as number) + 1;
      }
    }
    return this.packs.filter((pack, n) => (rows[n] as number) < pack.chunkCount);
  }

  /** Reads and verifies every block. Code `corrupt`. */
  verify(): void {
    for (let block = 0; block < 2 ** this.bits; block++) this.block(block);
  }

  /** For a row whose frame no pack of this segment has. */
  refuseFrame(): never {
    this.isDamaged = true;
    throw new StoreError("corrupt", "index segment names a frame that no pack has");
  }

  /** Idempotent. What is not in memory by then cannot be asked for any more. */
  close(): void {
    this.#file?.files.close(this.#file.fd);
    this.#file = null;
  }

  /** Where in the rows the rest of the row with this id starts, or -1. */
  #restOf(id: Digest): number {
    const { bits } = this;
    const block = bits === 0 ? 0 : prefixOf(id) >>> (32 - bits);
    if (this.#isRead[block] === 0) this.#keepBlock(block);
    const base = (this.#starts[block] as number) * rowWords;
    const width = 2 ** (32 - bits);
    return searchRows(this.#rows, base, this.#countOf(block), id, block * width, (block + 1) * width);
  }

  #countOf(block: number): number {
    return (this.#starts[block + 1] as number) - (this.#starts[block] as number);
  }

  #wordsOf(block: number): Uint32Array {
    const start = this.#starts[block] as number;
    return this.#rows.subarray(start * rowWords, (start + this.#countOf(block)) * rowWords);
  }

  #keepBlock(block: number): void {
    if (this.#rows.length === 0) {
      // Memory of this size comes from the kernel untouched; what is never read into takes up none.
      const bytes = Buffer.allocUnsafeSlow(this.chunkCount * rowBytes);
      this.#rows = new Uint32Array(bytes.buffer, 0, bytes.length / 4);
    }
    this.#readInto(block, this.#wordsOf(block));
    this.#isRead[block] = 1;
  }

  #readInto(block: number, words: Uint32Array): Uint32Array {
    const file = this.#file;
    if (file === null) throw new StoreError("closed", "index segment is closed");
    const position = file.rowsAt + (this.#starts[block] as number) * rowBytes;
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    if (file.files.read(file.fd, bytes, position) !== bytes.length) this.#refuse(block);
    this.#check(block, words);
    return words;
  }

  #check(block: number, words: Uint32Array): void {
    const expected = this.#blockDigests.subarray(block * digestBytes, (block + 1) * digestBytes);
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    if (!hash(bytes).equals(expected)) this.#refuse(block);
  }

  #refuse(block: number): never {
    this.isDamaged = true;
    throw new StoreError("corrupt", `block ${block} of an index segment does not match its digest`);
  }

  #locationAt(words: Uint32Array, rest: number): Location {
    const frame = words[rest + frameWord] as number;
    const pack = this.#packOf(frame);
    return {
      pack: (this.packs[pack] as IndexedPack).id,
      frame: frame - (this.#framesBefore[pack] as number),
      offset: words[rest + offsetWord] as number,
      length: words[rest + lengthWord] as number,
    };
  }

  /** The number of the pack that has a frame: the last that starts at or before it. */
  #packOf(frame: number): number {
    const before = this.#framesBefore;
    let pack = 0;
    let end = this.packs.length;
    while (end - pack > 1) {
      const middle = (pack + end) >>> 1;
      if ((before[middle] as number) <= frame) pack = middle;
      else end = middle;
    }
    if (end === 0 || frame >= (before[pack + 1] as number)) this.refuseFrame();
    return pack;
  }
}
