/**
 * What makes the second snapshot of a directory read only what changed: for each entry of the last one that is not a
 * directory, in walk order, the change time and inode it had. An entry whose size, mtime, ctime and inode are all as they
 * were has the content it had. Entries as young as the walk itself are recorded as unknown, since they may change again
 * within the same tick of the clock (git's "racily clean" entries).
 *
 *     magic "CHSRSTAT", u32 version 1, u32 count, snapshot id (32)
 *     count x 20 bytes: inode u64, ctime seconds i64, nanoseconds u32; all zero: unknown
 *     digest (32) of all before
 *
 * The file is a cache: it is never synced, and one that is damaged or stale is passed over.
 */
import { digestBytes, hash } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import type { SnapshotId } from "../ids.js";
import { ensureDirectory, readWhole, removeIfPresent, temporaryName } from "../platform/durable.js";
import { anywhere, type Stat } from "../platform/files.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { readRoot } from "../tree/directory.js";
import { treeDigest } from "./record.js";
import type { Repository } from "./repository.js";

const headerBytes = 48;
const rowBytes = 20;

/** The rows of the last walk. */
export class StatRows {
  readonly #rows: Buffer;

  constructor(rows: Buffer) {
    this.#rows = rows;
  }

  get count(): number {
    return this.#rows.length / rowBytes;
  }

  /** True when entry `number` of the last walk was this very state of this very file. */
  matches(number: number, stat: Stat): boolean {
    const at = number * rowBytes;
    const rows = this.#rows;
    return (
      rows.readUInt32LE(at + 16) === stat.ctimeNanoseconds &&
      rows.readUInt32LE(at + 8) + rows.readInt32LE(at + 12) * 0x1_0000_0000 === stat.ctimeSeconds &&
      rows.readBigUInt64LE(at) === stat.inode
    );
  }
}

/** Collects the rows of a walk. */
export class StatRecorder {
  #rows = Buffer.alloc(1024 * rowBytes);
  #count = 0;
  readonly #settledBeforeSeconds: number;

  constructor(settledBeforeSeconds: number) {
    this.#settledBeforeSeconds = settledBeforeSeconds;
  }

  add(stat: Stat): void {
    const at = this.#count * rowBytes;
    this.#count += 1;
    if (at + rowBytes > this.#rows.length)
      this.#rows = Buffer.concat([this.#rows, Buffer.alloc(this.#rows.length)]);
    if (stat.ctimeSeconds >= this.#settledBeforeSeconds) return;
    this.#rows.writeBigUInt64LE(stat.inode, at);
    this.#rows.writeBigInt64LE(BigInt(stat.ctimeSeconds), at + 8);
    this.#rows.writeUInt32LE(stat.ctimeNanoseconds, at + 16);
  }

  rows(): Buffer {
    return this.#rows.subarray(0, this.#count * rowBytes);
  }
}

export interface PreviousWalk {
  root: DirectoryTreeEntry;
  rows: StatRows;
}

/** Null when there is none, or none that can be trusted: its snapshot must still be there, so that its objects are. */
export function loadPreviousWalk(repository: Repository, source: string): PreviousWalk | null {
  const bytes = readWhole(repository.files, `${repository.layout.cache}/${cacheName(source)}`);
  const decoded = bytes === null ? null : decode(bytes);
  if (decoded === null) return null;
  try {
    const snapshot = repository.readRecord(decoded.snapshot);
    if (repository.refs.read(snapshot.diskId, snapshot.name) !== snapshot.id) return null;
    const root = readRoot(repository.chunks, treeDigest(snapshot.tree));
    return root.sums.files === decoded.rows.count ? { root, rows: decoded.rows } : null;
  } catch (error) {
    if (error instanceof StoreError && (error.code === "corrupt" || error.code === "chunk_missing"))
      return null;
    throw error;
  }
}

/** A cache that cannot be written costs time later, and is no reason to fail a snapshot that is stored. */
export function saveWalk(repository: Repository, source: string, snapshot: SnapshotId, rows: Buffer): void {
  const { files, layout } = repository;
  const header = Buffer.alloc(headerBytes);
  header.write("CHSRSTAT", 0, "latin1");
  header.writeUInt32LE(1, 8);
  header.writeUInt32LE(rows.length / rowBytes, 12);
  header.write(snapshot, 16, "hex");
  const body = Buffer.concat([header, rows]);
  const temporary = `${layout.cache}/${temporaryName()}`;
  try {
    ensureDirectory(files, layout.cache);
    const fd = files.open(anywhere, temporary, { access: "create" });
    try {
      files.write(fd, Buffer.concat([body, hash(body)]), 0);
    } finally {
      files.close(fd);
    }
    files.rename(anywhere, temporary, anywhere, `${layout.cache}/${cacheName(source)}`);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    removeIfPresent(files, anywhere, temporary);
  }
}

function decode(bytes: Buffer): { snapshot: SnapshotId; rows: StatRows } | null {
  const body = bytes.subarray(0, Math.max(0, bytes.length - digestBytes));
  const sound =
    body.length >= headerBytes &&
    body.toString("latin1", 0, 8) === "CHSRSTAT" &&
    body.readUInt32LE(8) === 1 &&
    body.length === headerBytes + body.readUInt32LE(12) * rowBytes &&
    hash(body).equals(bytes.subarray(body.length));
  if (!sound) return null;
  return {
    snapshot: body.toString("hex", 16, headerBytes) as SnapshotId,
    rows: new StatRows(body.subarray(headerBytes)),
  };
}

function cacheName(source: string): string {
  return `${hash(Buffer.from(source)).toString("hex", 0, 16)}.stat`;
}
