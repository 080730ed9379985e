/**
 * An index segment, version 1: an immutable sorted table from object id to place. All numbers little-endian.
 *
 *     header    8  magic "CHSRINDX"
 *               4  version 1
 *               4  pack count P
 *               4  row count N
 *               4  bits B, at most 16
 *     packs     P x 48 bytes: pack id (32), kind u32, object count u32, frame count u32, file bytes u32
 *     blocks    2^B x 36 bytes: rows up to the end of the block u32, BLAKE3 of its rows (32)
 *     digest    32: BLAKE3 of all before
 *     rows      block after block, each of n rows, sorted by id and without repetition:
 *                 n x 4: first 4 bytes of the id
 *                 n x 40: the other 28, frame u32, offset u32, length u32
 *
 * Block number b holds the rows whose id begins with the B bits of b. The frame is counted through all packs of the
 * table, so that it names the pack as well. Header to digest, the head, is read when a store is opened; a block when a
 * lookup first needs it.
 */
import { StoreError } from "../errors.js";
import type { PackId } from "../ids.js";
import { digestBytes, hash } from "../chunk/hash.js";
import { segmentBitsMax } from "../limits.js";
import { chunkEntryBytes, frameEntryBytes, type PackKind } from "./format.js";
import { rowBytes } from "./segment-rows.js";

export interface IndexedPack {
  id: PackId;
  kind: PackKind;
  chunkCount: number;
  frameCount: number;
  fileBytes: number;
}

export interface SegmentHead {
  packs: IndexedPack[];
  /** How many first bits of an id make the number of its block. */
  bits: number;
  /** 2^bits + 1 row numbers: where each block starts, and how many rows there are. */
  starts: Uint32Array;
  /** One after another, for each block. */
  blockDigests: Buffer;
}

export const segmentHeaderBytes = 24;
const packEntryBytes = 48;
const blockEntryBytes = 36;
const version = 1;

export function segmentHeadBytes(packCount: number, bits: number): number {
  return segmentHeaderBytes + packCount * packEntryBytes + 2 ** bits * blockEntryBytes + digestBytes;
}

export function encodeSegmentHead({ packs, bits, starts, blockDigests }: SegmentHead): Buffer {
  const bytes = Buffer.alloc(segmentHeadBytes(packs.length, bits));
  bytes.write("CHSRINDX", 0, "latin1");
  bytes.writeUInt32LE(version, 8);
  bytes.writeUInt32LE(packs.length, 12);
  bytes.writeUInt32LE(starts[2 ** bits] as number, 16);
  bytes.writeUInt32LE(bits, 20);
  let at = segmentHeaderBytes;
  for (const pack of packs) {
    bytes.write(pack.id, at, "hex");
    bytes.writeUInt32LE(pack.kind === "tree" ? 2 : 1, at + 32);
    bytes.writeUInt32LE(pack.chunkCount, at + 36);
    bytes.writeUInt32LE(pack.frameCount, at + 40);
    bytes.writeUInt32LE(pack.fileBytes, at + 44);
    at += packEntryBytes;
  }
  for (let block = 0; block < 2 ** bits; block++) {
    bytes.writeUInt32LE(starts[block + 1] as number, at);
    blockDigests.copy(bytes, at + 4, block * digestBytes, (block + 1) * digestBytes);
    at += blockEntryBytes;
  }
  hash(bytes.subarray(0, at)).copy(bytes, at);
  return bytes;
}

/** The name of the file whose head this is. */
export function segmentName(head: Buffer): string {
  return `${head.toString("hex", head.length - digestBytes, head.length - digestBytes / 2)}.idx`;
}

/** How long the head is, from its first `segmentHeaderBytes`, in a file of `fileBytes`. */
export function decodeSegmentHeader(header: Buffer, fileBytes: number): { headBytes: number } {
  if (header.length < segmentHeaderBytes || header.toString("latin1", 0, 8) !== "CHSRINDX") {
    throw new StoreError("corrupt", "index segment has no header");
  }
  if (header.readUInt32LE(8) !== version) {
    throw new StoreError("store_version_unsupported", `index version ${header.readUInt32LE(8)} is not known`);
  }
  const bits = header.readUInt32LE(20);
  if (bits > segmentBitsMax) throw new StoreError("corrupt", `index segment of ${bits} bits`);
  const headBytes = segmentHeadBytes(header.readUInt32LE(12), bits);
  if (fileBytes !== headBytes + header.readUInt32LE(16) * rowBytes) {
    throw new StoreError("corrupt", "index segment has the wrong length");
  }
  return { headBytes };
}

/** Of the whole head, whose header was decoded before. */
export function decodeSegmentHead(bytes: Buffer): SegmentHead {
  const end = bytes.length - digestBytes;
  if (!hash(bytes.subarray(0, end)).equals(bytes.subarray(end))) {
    throw new StoreError("corrupt", "head of an index segment does not match its digest");
  }
  const packs: IndexedPack[] = [];
  let at = segmentHeaderBytes;
  for (let n = bytes.readUInt32LE(12); n > 0; n--, at += packEntryBytes) packs.push(decodePack(bytes, at));
  const bits = bytes.readUInt32LE(20);
  const starts = new Uint32Array(2 ** bits + 1);
  const blockDigests = Buffer.alloc(2 ** bits * digestBytes);
  for (let block = 0; block < 2 ** bits; block++, at += blockEntryBytes) {
    starts[block + 1] = bytes.readUInt32LE(at);
    bytes.copy(blockDigests, block * digestBytes, at + 4, at + blockEntryBytes);
    if ((starts[block + 1] as number) < (starts[block] as number)) {
      throw new StoreError("corrupt", "blocks of an index segment are out of order");
    }
  }
  if (starts[2 ** bits] !== bytes.readUInt32LE(16)) {
    throw new StoreError("corrupt", "blocks of an index segment do not add up");
  }
  return { packs, bits, starts, blockDigests };
}

function decodePack(bytes: Buffer, at: number): IndexedPack {
  const kind = bytes.readUInt32LE(at + 32);
  const pack: IndexedPack = {
    id: bytes.toString("hex", at, at + digestBytes) as PackId,
    kind: kind === 2 ? "tree" : "data",
    chunkCount: bytes.readUInt32LE(at + 36),
    frameCount: bytes.readUInt32LE(at + 40),
    fileBytes: bytes.readUInt32LE(at + 44),
  };
  // Bounds what a reader allocates for the frames.
  const contentsBytes = pack.chunkCount * chunkEntryBytes + pack.frameCount * frameEntryBytes;
  if ((kind !== 1 && kind !== 2) || contentsBytes > pack.fileBytes) {
    throw new StoreError("corrupt", "index segment names a pack that cannot be");
  }
  return pack;
}
