/**
 * An index segment, version 1: an immutable sorted table from chunk id to place. All numbers little-endian.
 *
 *     header    8  magic "CHSRINDX"
 *               4  version 1
 *               4  pack count P
 *               4  chunk count N
 *               4  zero
 *     packs     P x 48 bytes: pack id (32), kind u32, chunk count u32, file bytes u32, zero u32
 *     ids       N x 32 bytes, sorted, without repetition
 *     packs of  N x u32: number of the pack in the table above
 *     frames    N x u32
 *     offsets   N x u32
 *     lengths   N x u32
 *     digest    32: BLAKE3 of all before
 *
 * In memory the columns are views of the file: 48 bytes a chunk. Ids are uniform, so a lookup guesses its place from the
 * first 32 bits and needs a few probes (interpolation search; Perl, Itai, Avni, 1978).
 */
import { StoreError } from "../errors.js";
import type { PackId } from "../ids.js";
import { digestBytes, hash, type Digest } from "../chunk/hash.js";
import type { PackContents, PackKind } from "./format.js";

export interface IndexedPack {
  id: PackId;
  kind: PackKind;
  chunkCount: number;
  fileBytes: number;
}

export interface Location {
  pack: PackId;
  frame: number;
  offset: number;
  length: number;
}

const headerBytes = 24;
const packEntryBytes = 48;
const columns = 4;

export class Segment {
  readonly packs: IndexedPack[];
  readonly chunkCount: number;
  readonly #ids: Buffer;
  readonly #columns: Uint32Array;

  private constructor(packs: IndexedPack[], chunkCount: number, ids: Buffer, columnWords: Uint32Array) {
    this.packs = packs;
    this.chunkCount = chunkCount;
    this.#ids = ids;
    this.#columns = columnWords;
  }

  static decode(bytes: Buffer): Segment {
    if (bytes.length < headerBytes + digestBytes || bytes.toString("latin1", 0, 8) !== "CHSRINDX") {
      throw new StoreError("corrupt", "index segment has no header");
    }
    if (bytes.readUInt32LE(8) !== 1) {
      throw new StoreError(
        "store_version_unsupported",
        `index version ${bytes.readUInt32LE(8)} is not known`,
      );
    }
    const packCount = bytes.readUInt32LE(12);
    const chunkCount = bytes.readUInt32LE(16);
    const bodyBytes = headerBytes + packCount * packEntryBytes + chunkCount * (digestBytes + 4 * columns);
    if (bytes.length !== bodyBytes + digestBytes) {
      throw new StoreError("corrupt", "index segment has the wrong length");
    }
    if (!hash(bytes.subarray(0, bodyBytes)).equals(bytes.subarray(bodyBytes))) {
      throw new StoreError("corrupt", "index segment does not match its digest");
    }
    const packs: IndexedPack[] = [];
    let at = headerBytes;
    for (let n = 0; n < packCount; n++, at += packEntryBytes) {
      packs.push({
        id: bytes.toString("hex", at, at + digestBytes) as PackId,
        kind: bytes.readUInt32LE(at + 32) === 2 ? "tree" : "data",
        chunkCount: bytes.readUInt32LE(at + 36),
        fileBytes: bytes.readUInt32LE(at + 40),
      });
    }
    const ids = bytes.subarray(at, at + chunkCount * digestBytes);
    at += ids.length;
    const words = bytes.subarray(at, bodyBytes);
    const aligned = words.byteOffset % 4 === 0 ? words : Buffer.from(words);
    return new Segment(
      packs,
      chunkCount,
      ids,
      new Uint32Array(aligned.buffer, aligned.byteOffset, chunkCount * columns),
    );
  }

  find(id: Digest): Location | null {
    const position = this.#position(id);
    return position < 0 ? null : this.#locationAt(position);
  }

  has(id: Digest): boolean {
    return this.#position(id) >= 0;
  }

  *entries(): Generator<{ id: Digest; location: Location }> {
    for (let n = 0; n < this.chunkCount; n++) {
      yield {
        id: this.#ids.subarray(n * digestBytes, (n + 1) * digestBytes),
        location: this.#locationAt(n),
      };
    }
  }

  #locationAt(position: number): Location {
    const count = this.chunkCount;
    const words = this.#columns;
    const pack = this.packs[words[position] as number];
    if (pack === undefined) throw new StoreError("corrupt", "row of an index segment names no pack");
    return {
      pack: pack.id,
      frame: words[count + position] as number,
      offset: words[2 * count + position] as number,
      length: words[3 * count + position] as number,
    };
  }

  /** Where the id stands, or -1. */
  #position(id: Digest): number {
    const ids = this.#ids;
    const wanted = id.readUInt32BE(0);
    let low = 0;
    let high = this.chunkCount - 1;
    let lowValue = 0;
    let highValue = 0x1_0000_0000;
    for (let probe = 0; low <= high; probe++) {
      const share = probe < 8 ? (wanted - lowValue) / (highValue - lowValue || 1) : 0.5;
      const middle = Math.min(high, low + Math.floor((high - low + 1) * Math.min(0.999, Math.max(0, share))));
      const order = id.compare(ids, middle * digestBytes, (middle + 1) * digestBytes);
      if (order === 0) return middle;
      const value = ids.readUInt32BE(middle * digestBytes);
      if (order < 0) {
        high = middle - 1;
        highValue = Math.max(value, lowValue);
      } else {
        low = middle + 1;
        lowValue = value;
      }
    }
    return -1;
  }
}

/** One row to put into a segment. */
export interface SegmentRow {
  id: Digest;
  pack: number;
  frame: number;
  offset: number;
  length: number;
}

export function encodeSegment(packs: IndexedPack[], rows: SegmentRow[]): Buffer {
  const sorted = [...rows].sort((a, b) => a.id.compare(b.id));
  const unique = sorted.filter((row, n) => n === 0 || !(sorted[n - 1] as SegmentRow).id.equals(row.id));
  const count = unique.length;
  const bodyBytes = headerBytes + packs.length * packEntryBytes + count * (digestBytes + 4 * columns);
  const bytes = Buffer.alloc(bodyBytes + digestBytes);
  bytes.write("CHSRINDX", 0, "latin1");
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt32LE(packs.length, 12);
  bytes.writeUInt32LE(count, 16);
  let at = headerBytes;
  for (const pack of packs) {
    bytes.write(pack.id, at, "hex");
    bytes.writeUInt32LE(pack.kind === "tree" ? 2 : 1, at + 32);
    bytes.writeUInt32LE(pack.chunkCount, at + 36);
    bytes.writeUInt32LE(pack.fileBytes, at + 40);
    at += packEntryBytes;
  }
  const words = at + count * digestBytes;
  unique.forEach((row, n) => {
    row.id.copy(bytes, at + n * digestBytes);
    bytes.writeUInt32LE(row.pack, words + 4 * n);
    bytes.writeUInt32LE(row.frame, words + 4 * (count + n));
    bytes.writeUInt32LE(row.offset, words + 4 * (2 * count + n));
    bytes.writeUInt32LE(row.length, words + 4 * (3 * count + n));
  });
  hash(bytes.subarray(0, bodyBytes)).copy(bytes, bodyBytes);
  return bytes;
}

/** The rows and the table entry of one pack, as they come from its own contents. */
export function rowsOfPack(
  pack: PackContents,
  fileBytes: number,
  packNumber: number,
): { pack: IndexedPack; rows: SegmentRow[] } {
  return {
    pack: { id: pack.id, kind: pack.kind, chunkCount: pack.chunks.length, fileBytes },
    rows: pack.chunks.map((chunk) => ({
      id: chunk.id,
      pack: packNumber,
      frame: chunk.frame,
      offset: chunk.offset,
      length: chunk.length,
    })),
  };
}
