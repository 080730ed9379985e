/**
 * A snapshot record, version 1: the small immutable object that a ref names. Its id is the BLAKE3 of its bytes.
 *
 *     magic "CHSRSNAP", version u8 1, name (sized text), disk id (sized text, empty for none), tree (32),
 *     parent flag u8, with 1 the parent (32), created ms, comment (sized text), consistency u8: 0 idle, 1 live,
 *     files, directories, logical bytes, new bytes
 */
import { ByteReader, ByteWriter } from "../bytes.js";
import { digestBytes, hash, type Digest } from "../chunk/hash.js";
import type { SnapshotInfo } from "../api.js";
import type { SnapshotId, TreeId } from "../ids.js";
import { snapshotCommentBytesMax, snapshotNameCharactersMax } from "../limits.js";
import { StoreError } from "../errors.js";

export type SnapshotRecord = Omit<SnapshotInfo, "id">;

const magic = "CHSRSNAP";

export function encodeRecord(record: SnapshotRecord): { id: SnapshotId; bytes: Buffer } {
  const out = new ByteWriter();
  out.bytes(Buffer.from(magic, "latin1"));
  out.u8(1);
  out.text(record.name);
  out.text(record.diskId ?? "");
  out.bytes(Buffer.from(record.tree, "hex"));
  out.u8(record.parent === null ? 0 : 1);
  if (record.parent !== null) out.bytes(Buffer.from(record.parent, "hex"));
  out.varint(record.createdAtMs);
  out.text(record.comment);
  out.u8(record.consistency === "live" ? 1 : 0);
  out.varint(record.files);
  out.varint(record.directories);
  out.varint(record.logicalBytes);
  out.varint(record.newBytes);
  const bytes = out.finish();
  return { id: hash(bytes).toString("hex") as SnapshotId, bytes };
}

/** The last moment that a date can say. */
const dateMsMax = 8_640_000_000_000_000;

/** `id` is what the record is stored under; its bytes must match it. */
export function decodeRecord(id: SnapshotId, bytes: Buffer): SnapshotInfo {
  const input = new ByteReader(bytes, `snapshot record ${id}`);
  if (hash(bytes).toString("hex") !== id) input.fail("content does not match the id");
  input.magic(magic);
  if (input.u8() !== 1) input.fail("version is not known");
  const name = input.text(snapshotNameCharactersMax * 4);
  const diskId = input.text(255);
  const tree = input.bytes(digestBytes).toString("hex") as TreeId;
  const parentFlag = input.u8();
  if (parentFlag > 1) input.fail("parent flag is unknown");
  const parent = parentFlag === 1 ? (input.bytes(digestBytes).toString("hex") as SnapshotId) : null;
  const createdAtMs = input.varint();
  if (createdAtMs > dateMsMax) input.fail("was created later than any date");
  const comment = input.text(snapshotCommentBytesMax);
  const consistency = input.u8();
  if (consistency > 1) input.fail("consistency is unknown");
  const record: SnapshotInfo = {
    id,
    name,
    diskId: diskId === "" ? null : diskId,
    tree,
    parent,
    createdAtMs,
    comment,
    consistency: consistency === 1 ? "live" : "idle",
    files: input.varint(),
    directories: input.varint(),
    logicalBytes: input.varint(),
    newBytes: input.varint(),
  };
  input.end();
  return record;
}

/** What a person may call a snapshot: 1 to 64 characters, printable, and never mistaken for an id or a path. */
export function checkSnapshotName(name: string): void {
  const characters = [...name].length;
  if (characters < 1 || characters > snapshotNameCharactersMax) {
    throw new StoreError(
      "invalid_argument",
      `snapshot name has ${characters} characters, 1 to ${snapshotNameCharactersMax} are allowed`,
      { data: { field: "name" } },
    );
  }
  const printable = /^[^\p{C}\p{Zl}\p{Zp}/@]+$/u.test(name);
  if (!printable || name !== name.trim() || name.startsWith("-") || /^[0-9a-f]{64}$/i.test(name)) {
    throw new StoreError(
      "invalid_argument",
      `snapshot name ${JSON.stringify(name)} is not allowed: no "/", "@", control characters, surrounding spaces or leading "-"`,
      { data: { field: "name" } },
    );
  }
}

export function checkComment(comment: string): void {
  if (Buffer.byteLength(comment) > snapshotCommentBytesMax) {
    throw new StoreError("invalid_argument", `comment is longer than ${snapshotCommentBytesMax} bytes`, {
      data: { field: "comment" },
    });
  }
}

/** For sorting; ids decide between snapshots of the same time. */
export function newestFirst(a: SnapshotInfo, b: SnapshotInfo): number {
  return b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1);
}

export function treeDigest(tree: TreeId): Digest {
  return Buffer.from(tree, "hex");
}
