/**
 * A bundle, version 1: snapshots as one stream. See FORMAT.md.
 *
 *     header    magic "CHSRBNDL", version u32
 *     sections  kind u8, payload length u32, payload, digest (32) of: digest of the section before (of the first: of the
 *               header), kind, length, payload
 *     snapshots (kind 1, first)  base count, tree ids (32); record count, records (sized)
 *     objects   (kind 2)         object kind u8: 1 data, 2 tree; codec u8; object count, lengths; one frame
 *     end       (kind 3, last)   object count, plain bytes
 *
 * Numbers are varints where no width is named. The digests are chained, so that the last one commits to every byte.
 */
import { ByteReader, ByteWriter } from "../bytes.js";
import { digestBytes, hash, type Digest } from "../chunk/hash.js";
import type { SnapshotInfo } from "../api.js";
import { StoreError } from "../errors.js";
import type { SnapshotId } from "../ids.js";
import {
  bundleSnapshotsMax,
  chunkBytesMax,
  frameBytesTarget,
  objectBytesMax,
  snapshotRecordBytesMax,
} from "../limits.js";
import type { PackKind } from "../pack/format.js";
import { decompressFrame } from "../pack/frame.js";
import { decodeRecord } from "../snapshot/record.js";

export const sectionKind = { snapshots: 1, objects: 2, end: 3 } as const;

export const bundleHeaderBytes = 12;
export const sectionHeadBytes = 5;
const magic = "CHSRBNDL";
const version = 1;
const objectKinds: Record<PackKind, number> = { data: 1, tree: 2 };

export function encodeBundleHeader(): Buffer {
  const header = Buffer.alloc(bundleHeaderBytes);
  header.write(magic, 0, "latin1");
  header.writeUInt32LE(version, 8);
  return header;
}

export function checkBundleHeader(header: Buffer): void {
  const input = new ByteReader(header, "bundle");
  input.magic(magic);
  const found = input.u32();
  if (found !== version) {
    throw new StoreError("store_version_unsupported", `bundle version ${found} is not known`, {
      data: { version: found },
    });
  }
  input.end();
}

export function encodeSectionHead(kind: number, payloadBytes: number): Buffer {
  const head = Buffer.alloc(sectionHeadBytes);
  head.writeUInt8(kind, 0);
  head.writeUInt32LE(payloadBytes, 1);
  return head;
}

export function sectionDigest(before: Digest, head: Buffer, payload: Buffer): Digest {
  return hash(Buffer.concat([before, head, payload]));
}

/** The trees that the receiver must have, and the records of the snapshots. */
export interface SnapshotsSection {
  bases: Digest[];
  records: Buffer[];
}

export function encodeSnapshots({ bases, records }: SnapshotsSection): Buffer {
  const out = new ByteWriter();
  out.varint(bases.length);
  for (const base of bases) out.bytes(base);
  out.varint(records.length);
  for (const record of records) out.sized(record);
  return out.finish();
}

export function decodeSnapshots(payload: Buffer): { bases: Digest[]; snapshots: SnapshotInfo[] } {
  const input = new ByteReader(payload, "bundle snapshots");
  const count = (least: number): number => {
    const value = input.varint();
    if (value < least || value > bundleSnapshotsMax) input.fail(`${value} snapshots`);
    return value;
  };
  const bases = Array.from({ length: count(0) }, () => Buffer.from(input.bytes(digestBytes)));
  const snapshots = Array.from({ length: count(1) }, () => {
    const bytes = input.sized(snapshotRecordBytesMax);
    return decodeRecord(hash(bytes).toString("hex") as SnapshotId, bytes);
  });
  input.end();
  return { bases, snapshots };
}

export interface ObjectsHead {
  kind: PackKind;
  codec: number;
  lengths: number[];
  plainBytes: number;
}

export function encodeObjects(
  { kind, codec, lengths }: Omit<ObjectsHead, "plainBytes">,
  stored: Uint8Array,
): Buffer {
  const out = new ByteWriter(stored.length + lengths.length * 3 + 16);
  out.u8(objectKinds[kind]);
  out.u8(codec);
  out.varint(lengths.length);
  for (const length of lengths) out.varint(length);
  out.bytes(stored);
  return out.finish();
}

/** Bounds what unpacking it takes: a frame holds one object, or several of at most `frameBytesTarget` together. */
export function decodeObjectsHead(payload: Buffer): ObjectsHead & { stored: Buffer } {
  const input = new ByteReader(payload, "bundle objects");
  const kindNumber = input.u8();
  const kind = kindNumber === 1 ? "data" : kindNumber === 2 ? "tree" : input.fail("object kind is unknown");
  const codec = input.u8();
  const count = input.varint();
  if (count === 0 || count > frameBytesTarget) input.fail(`${count} objects`);
  const lengthMax = kind === "data" ? chunkBytesMax : objectBytesMax;
  const lengths: number[] = [];
  let plainBytes = 0;
  for (let n = 0; n < count; n++) {
    const length = input.varint();
    if (length === 0 || length > lengthMax) input.fail(`object of ${length} bytes`);
    lengths.push(length);
    plainBytes += length;
  }
  if (count > 1 && plainBytes > frameBytesTarget) input.fail("frame is too large");
  const stored = input.bytes(input.remaining);
  if (stored.length > plainBytes) input.fail("frame is longer than its content");
  return { kind, codec, lengths, plainBytes, stored };
}

/** The objects of a section, one after the other. */
export function* decodeObjects(payload: Buffer): Generator<{ kind: PackKind; bytes: Buffer }> {
  const { kind, codec, lengths, plainBytes, stored } = decodeObjectsHead(payload);
  const plain = decompressFrame(stored, codec, plainBytes);
  let at = 0;
  for (const length of lengths) {
    yield { kind, bytes: plain.subarray(at, at + length) };
    at += length;
  }
}

export interface BundleTotals {
  objects: number;
  plainBytes: number;
}

export function encodeEnd({ objects, plainBytes }: BundleTotals): Buffer {
  const out = new ByteWriter();
  out.varint(objects);
  out.varint(plainBytes);
  return out.finish();
}

export function decodeEnd(payload: Buffer): BundleTotals {
  const input = new ByteReader(payload, "bundle end");
  const totals = { objects: input.varint(), plainBytes: input.varint() };
  input.end();
  return totals;
}
