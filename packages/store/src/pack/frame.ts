/** The unit of compression. A frame is stored as zstd, or raw where compression gains nothing. */
import zstd from "zstd-napi/binding.js";
import { StoreError } from "../errors.js";

export const codec = { raw: 0, zstd: 1 } as const;
export type Codec = (typeof codec)[keyof typeof codec];

const zstdMagic = 0xfd2fb528;

/** Level 1: about 370 MB/s a core on developer trees, and within a fifth of the ratio of level 9. */
const compressor = new zstd.CCtx();
compressor.setParameter(zstd.CParameter.compressionLevel, 1);
compressor.setParameter(zstd.CParameter.contentSizeFlag, 1);
const decompressor = new zstd.DCtx();

/** Room to compress that many bytes into, whatever they are. */
export function compressionRoomBytes(plainBytes: number): number {
  return zstd.compressBound(plainBytes);
}

/** `stored` is the plain bytes themselves or a view of `room`. */
export function compressFrame(
  plain: Uint8Array,
  room: Uint8Array = Buffer.allocUnsafe(compressionRoomBytes(plain.length)),
): { codec: Codec; stored: Uint8Array } {
  const length = compressor.compress2(room, plain);
  return length < plain.length
    ? { codec: codec.zstd, stored: room.subarray(0, length) }
    : { codec: codec.raw, stored: plain };
}

/**
 * `plainBytes` comes from a verified table of contents and bounds what is allocated. The result is a view of `room` where that
 * is large enough.
 */
export function decompressFrame(
  stored: Uint8Array,
  frameCodec: number,
  plainBytes: number,
  room: Buffer = Buffer.allocUnsafe(0),
): Buffer {
  const plain = (): Buffer =>
    room.length < plainBytes ? Buffer.allocUnsafe(plainBytes) : room.subarray(0, plainBytes);
  if (frameCodec === codec.raw) {
    if (stored.length !== plainBytes) throw new StoreError("corrupt", "raw frame has the wrong length");
    const copy = plain();
    copy.set(stored);
    return copy;
  }
  if (frameCodec !== codec.zstd) throw new StoreError("corrupt", `frame codec ${frameCodec} is unknown`);
  if (declaredBytes(stored) !== plainBytes) {
    throw new StoreError("corrupt", "zstd frame declares another length than the table of contents");
  }
  const decompressed = plain();
  try {
    // Which fails unless it is as long as the frame declares.
    decompressor.decompress(decompressed, stored);
  } catch (error) {
    throw new StoreError("corrupt", "zstd frame cannot be decompressed", { cause: error });
  }
  return decompressed;
}

/**
 * The content size in a zstd frame header (RFC 8878, 3.1.1.1), so that a forged one cannot make the decompressor
 * allocate more than the table of contents says. Null when the header is not one that this store writes.
 */
export function declaredBytes(stored: Uint8Array): number | null {
  const header = Buffer.from(stored.buffer, stored.byteOffset, Math.min(stored.length, 18));
  if (header.length < 6 || header.readUInt32LE(0) !== zstdMagic) return null;
  const descriptor = header[4] as number;
  const sizeFlag = descriptor >> 6;
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x0b) !== 0) return null;
  const at = singleSegment ? 5 : 6;
  const length = [singleSegment ? 1 : 0, 2, 4, 8][sizeFlag] as number;
  if (length === 0 || header.length < at + length) return null;
  if (length === 8) return Number(header.readBigUInt64LE(at));
  return header.readUIntLE(at, length) + (length === 2 ? 256 : 0);
}

/** How many bytes a zstd frame takes, found by going through its blocks (RFC 8878, 3.1.1.2). Null when it does not end within `bytes`. */
export function zstdFrameBytes(bytes: Buffer): number | null {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== zstdMagic) return null;
  const descriptor = bytes[4] as number;
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  let at = (singleSegment ? 5 : 6) + ([0, 1, 2, 4][descriptor & 3] as number) + sizeBytes;
  for (;;) {
    if (at + 3 > bytes.length) return null;
    const block = bytes.readUIntLE(at, 3);
    // A block of one repeated byte holds that byte.
    at += 3 + (((block >> 1) & 3) === 1 ? 1 : block >> 3);
    if ((block & 1) === 0) continue;
    const end = at + ((descriptor & 4) === 0 ? 0 : 4);
    return end <= bytes.length ? end : null;
  }
}
