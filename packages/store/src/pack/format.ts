/**
 * A pack file, version 1. All numbers little-endian.
 *
 *     header    8  magic "CHSRPACK"
 *               4  version 1
 *               4  kind: 1 data, 2 tree
 *     frames       one after another
 *     contents     frame table:  each 48 bytes: offset u32, stored bytes u32, plain bytes u32, codec u32, BLAKE3 of the stored bytes
 *                  chunk table:  each 44 bytes: id (32), frame number u32, offset in the plain frame u32, length u32; sorted by id
 *     trailer   4  frame count
 *               4  chunk count
 *               4  offset of the contents
 *               4  kind again
 *              32  pack id: BLAKE3 of header, contents and the four numbers before
 *               8  magic "CHSRTAIL"
 *
 * The pack id commits to every byte of the pack through the digests of the frames, and each frame can be verified alone.
 */
import { StoreError } from "../errors.js";
import type { PackId } from "../ids.js";
import { objectBytesMax, packBytesMax, packBytesTarget } from "../limits.js";
import { digestBytes, hash, type Digest } from "../chunk/hash.js";

export type PackKind = "data" | "tree";

export interface FrameEntry {
  offset: number;
  storedBytes: number;
  plainBytes: number;
  codec: number;
  digest: Digest;
}

export interface ChunkEntry {
  id: Digest;
  frame: number;
  offset: number;
  length: number;
}

export interface PackContents {
  id: PackId;
  kind: PackKind;
  frames: FrameEntry[];
  chunks: ChunkEntry[];
}

export const packHeaderBytes = 16;
export const packTrailerBytes = 56;
export const frameEntryBytes = 48;
export const chunkEntryBytes = 44;
/** A pack of these frames, without their bytes. */
export function packOverheadBytes(frames: number, chunks: number): number {
  return packHeaderBytes + frames * frameEntryBytes + chunks * chunkEntryBytes + packTrailerBytes;
}

/** Whether a pack is closed: its tables count, or many small chunks that compress well would make it longer than any may be. */
export function isFullPack(storedBytes: number, frames: number, chunks: number): boolean {
  return storedBytes + packOverheadBytes(frames, chunks) >= packBytesTarget;
}

const version = 1;
const kinds: Record<PackKind, number> = { data: 1, tree: 2 };

export function encodePackHeader(kind: PackKind): Buffer {
  const header = Buffer.alloc(packHeaderBytes);
  header.write("CHSRPACK", 0, "latin1");
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(kinds[kind], 12);
  return header;
}

/** Room for the number of an entry beside the first bits of an id in one number. */
const numberRange = 2 ** 24;

/** By id. Numbers that begin with the first bits are sorted, which calls no function a comparison. */
export function sortedById<Entry extends { id: Digest }>(entries: readonly Entry[]): Entry[] {
  const keys = Float64Array.from(entries, ({ id }, n) => (id.readUInt32BE(0) >>> 3) * numberRange + n).sort();
  const sorted = Array.from(keys, (key) => entries[key % numberRange] as Entry);
  // Ids with the same first bits are few, and next to each other.
  for (let n = 1; n < sorted.length; n++) {
    for (let at = n; at > 0; at--) {
      const [before, entry] = [sorted[at - 1] as Entry, sorted[at] as Entry];
      if (before.id.readUInt32BE(0) >>> 3 !== entry.id.readUInt32BE(0) >>> 3) break;
      if (before.id.compare(entry.id) <= 0) break;
      sorted[at - 1] = entry;
      sorted[at] = before;
    }
  }
  return sorted;
}

/** Contents and trailer of a pack whose frames end at `contentsOffset`. Chunks may come in any order. */
export function encodePackTail(
  kind: PackKind,
  frames: FrameEntry[],
  chunks: ChunkEntry[],
  contentsOffset: number,
): { id: PackId; bytes: Buffer } {
  const sorted = sortedById(chunks);
  const contentsBytes = frames.length * frameEntryBytes + sorted.length * chunkEntryBytes;
  const bytes = Buffer.alloc(contentsBytes + packTrailerBytes);
  let at = 0;
  for (const frame of frames) {
    bytes.writeUInt32LE(frame.offset, at);
    bytes.writeUInt32LE(frame.storedBytes, at + 4);
    bytes.writeUInt32LE(frame.plainBytes, at + 8);
    bytes.writeUInt32LE(frame.codec, at + 12);
    frame.digest.copy(bytes, at + 16);
    at += frameEntryBytes;
  }
  for (const chunk of sorted) {
    chunk.id.copy(bytes, at);
    bytes.writeUInt32LE(chunk.frame, at + 32);
    bytes.writeUInt32LE(chunk.offset, at + 36);
    bytes.writeUInt32LE(chunk.length, at + 40);
    at += chunkEntryBytes;
  }
  bytes.writeUInt32LE(frames.length, at);
  bytes.writeUInt32LE(sorted.length, at + 4);
  bytes.writeUInt32LE(contentsOffset, at + 8);
  bytes.writeUInt32LE(kinds[kind], at + 12);
  const id = hash(Buffer.concat([encodePackHeader(kind), bytes.subarray(0, at + 16)]));
  id.copy(bytes, at + 16);
  bytes.write("CHSRTAIL", at + 48, "latin1");
  return { id: id.toString("hex") as PackId, bytes };
}

/** Where the contents start and how long they are, from the trailer of a file of `fileBytes`. */
export function decodePackTrailer(
  trailer: Buffer,
  fileBytes: number,
): { contentsOffset: number; contentsBytes: number } {
  if (trailer.length !== packTrailerBytes || trailer.toString("latin1", 48, 56) !== "CHSRTAIL") {
    throw new StoreError("corrupt", "pack has no trailer");
  }
  const contentsOffset = trailer.readUInt32LE(8);
  const contentsBytes = trailer.readUInt32LE(0) * frameEntryBytes + trailer.readUInt32LE(4) * chunkEntryBytes;
  if (
    fileBytes > packBytesMax ||
    contentsOffset < packHeaderBytes ||
    contentsOffset + contentsBytes + packTrailerBytes !== fileBytes
  ) {
    throw new StoreError("corrupt", "pack trailer does not fit the length of the file");
  }
  return { contentsOffset, contentsBytes };
}

/** Checks everything that can be checked without reading the frames. `ends`: header, contents and trailer, joined. */
export function decodePackEnds(ends: Buffer, fileBytes: number): PackContents {
  const { id, kind, frames } = decodePackFrames(ends, fileBytes);
  const tail = ends.subarray(packHeaderBytes);
  const chunks = readChunkTable(tail, frames.length, trailerOf(ends).readUInt32LE(4));
  chunks.forEach((chunk, n) => {
    const frame = frames[chunk.frame];
    if (frame === undefined || chunk.offset + chunk.length > frame.plainBytes) {
      throw new StoreError("corrupt", `chunk ${n} of the pack lies outside its frame`);
    }
    if (chunk.length > objectBytesMax) {
      throw new StoreError("corrupt", `chunk ${n} of the pack is larger than any may be`);
    }
    const before = chunks[n - 1];
    if (before !== undefined && before.id.compare(chunk.id) >= 0) {
      throw new StoreError("corrupt", "chunks of the pack are not in order");
    }
  });
  return { id, kind, frames, chunks };
}

/** Like `decodePackEnds`, but of the chunks only that they are those that the pack id commits to: an index says where they are. */
export function decodePackFrames(ends: Buffer, fileBytes: number): Omit<PackContents, "chunks"> {
  if (ends.length < packHeaderBytes || ends.toString("latin1", 0, 8) !== "CHSRPACK") {
    throw new StoreError("corrupt", "pack has no header");
  }
  if (ends.readUInt32LE(8) !== version) {
    throw new StoreError("store_version_unsupported", `pack version ${ends.readUInt32LE(8)} is not known`);
  }
  const trailer = trailerOf(ends);
  const { contentsOffset, contentsBytes } = decodePackTrailer(trailer, fileBytes);
  const storedId = trailer.subarray(16, 48);
  if (ends.length !== packHeaderBytes + contentsBytes + packTrailerBytes) {
    throw new StoreError("corrupt", "pack contents have the wrong length");
  }
  const id = hash(ends.subarray(0, ends.length - packTrailerBytes + 16));
  if (!id.equals(storedId)) throw new StoreError("corrupt", "pack contents do not match the pack id");
  const kindNumber = ends.readUInt32LE(12);
  const kind = (Object.keys(kinds) as PackKind[]).find((name) => kinds[name] === kindNumber);
  if (kind === undefined || trailer.readUInt32LE(12) !== kindNumber) {
    throw new StoreError("corrupt", `pack kind ${kindNumber} is unknown`);
  }
  const frames = readFrameTable(ends.subarray(packHeaderBytes), trailer.readUInt32LE(0));
  let end = packHeaderBytes;
  frames.forEach((frame, n) => {
    if (frame.offset !== end || frame.plainBytes > 2 * objectBytesMax) {
      throw new StoreError("corrupt", `frame ${n} of the pack is out of place`);
    }
    end += frame.storedBytes;
  });
  if (end !== contentsOffset) throw new StoreError("corrupt", "frames do not end where the contents start");
  return { id: storedId.toString("hex") as PackId, kind, frames };
}

function trailerOf(ends: Buffer): Buffer {
  return ends.subarray(Math.max(0, ends.length - packTrailerBytes));
}

/** What the tables say, of which nothing is checked. `tail` starts with the contents and is at least as long. */
function readTables(
  tail: Buffer,
  frameCount: number,
  chunkCount: number,
): Pick<PackContents, "frames" | "chunks"> {
  return { frames: readFrameTable(tail, frameCount), chunks: readChunkTable(tail, frameCount, chunkCount) };
}

function readFrameTable(tail: Buffer, frameCount: number): FrameEntry[] {
  return Array.from({ length: frameCount }, (_, n) => {
    const at = n * frameEntryBytes;
    return {
      offset: tail.readUInt32LE(at),
      storedBytes: tail.readUInt32LE(at + 4),
      plainBytes: tail.readUInt32LE(at + 8),
      codec: tail.readUInt32LE(at + 12),
      digest: tail.subarray(at + 16, at + 48),
    };
  });
}

function readChunkTable(tail: Buffer, frameCount: number, chunkCount: number): ChunkEntry[] {
  return Array.from({ length: chunkCount }, (_, n) => {
    const at = frameCount * frameEntryBytes + n * chunkEntryBytes;
    return {
      id: tail.subarray(at, at + digestBytes),
      frame: tail.readUInt32LE(at + 32),
      offset: tail.readUInt32LE(at + 36),
      length: tail.readUInt32LE(at + 40),
    };
  });
}

/**
 * What a damaged pack of `fileBytes` seems to hold, for a salvage that verifies each object it takes. Null when not even the
 * places of the tables can be told. `readAt` gives the bytes from an offset on.
 */
export function guessPackTables(
  fileBytes: number,
  readAt: (offset: number, bytes: number) => Buffer,
): Pick<PackContents, "frames" | "chunks"> | null {
  if (fileBytes > packBytesMax || fileBytes < packHeaderBytes + packTrailerBytes) return null;
  const trailer = readAt(fileBytes - packTrailerBytes, packTrailerBytes);
  const [frameCount, chunkCount, offset] = [0, 4, 8].map((at) => trailer.readUInt32LE(at)) as [
    number,
    number,
    number,
  ];
  // Where one of the three numbers is wrong the other two and the length of the file still give it.
  const spare = fileBytes - packTrailerBytes;
  const ways: [number, number][] = [
    [frameCount, chunkCount],
    [frameCount, (spare - offset - frameCount * frameEntryBytes) / chunkEntryBytes],
    [(spare - offset - chunkCount * chunkEntryBytes) / frameEntryBytes, chunkCount],
  ];
  for (const [frames, chunks] of ways) {
    const bytes = frames * frameEntryBytes + chunks * chunkEntryBytes;
    const isPossible =
      Number.isInteger(frames) && Number.isInteger(chunks) && frames > 0 && chunks > 0 && bytes < spare;
    if (!isPossible) continue;
    const tables = readTables(readAt(spare - bytes, bytes), frames, chunks);
    // The first frame follows the header, and the last ends where the tables start.
    const last = tables.frames.at(-1) as FrameEntry;
    const seemsRight =
      tables.frames[0]?.offset === packHeaderBytes || last.offset + last.storedBytes === spare - bytes;
    if (seemsRight) return tables;
  }
  return null;
}
