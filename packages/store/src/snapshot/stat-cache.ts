/**
 * Keeps the last walk of each plain directory, which is what makes its next snapshot look only at what changed.
 *
 *     magic "CHSRSTAT", u32 version 2, u32 codec, u32 bytes of the walk, u32 0, snapshot id (32), view (32)
 *     the walk (see `recorded-walk.ts`), compressed as a frame is
 *     digest (32) of all before
 *
 * The view is a digest of the options under which the walk was made: only under the same ones does an unchanged file have the
 * same entry. The file is a cache: it is never synced, and one that is damaged or stale is passed over.
 */
import type { IdMap } from "../api.js";
import { digestBytes, hash, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import type { SnapshotId, TreeId } from "../ids.js";
import { walkBytesMax } from "../limits.js";
import { compressFrame, decompressFrame } from "../pack/frame.js";
import { readCache, removeIfPresent, writeCache } from "../platform/durable.js";
import { anywhere } from "../platform/files.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { readRoot } from "../tree/directory.js";
import { treeDigest } from "./record.js";
import { RecordedWalk } from "./recorded-walk.js";
import type { Repository } from "./repository.js";

const magic = "CHSRSTAT";
const version = 2;
const headerBytes = 88;

export interface StoredWalk {
  codec: number;
  bytes: Uint8Array;
}

export interface PreviousWalk {
  root: DirectoryTreeEntry;
  walk: RecordedWalk;
  /** As it is stored. */
  stored: StoredWalk;
  /** Whether it was made under the same options as the walk that is wanted. */
  hasSameView: boolean;
}

export interface ViewOptions {
  idMap?: IdMap | undefined;
  exclude?: string[] | undefined;
}

function viewOf({ idMap, exclude }: ViewOptions): Digest {
  return hash(Buffer.from(JSON.stringify([idMap?.uids ?? [], idMap?.gids ?? [], exclude ?? []])));
}

/**
 * For a lease, because what did not change is taken from its tree. Null when there is none, or none that can be trusted: its
 * snapshot must still be there, so that its objects are.
 */
export function loadPreviousWalk(
  repository: Repository,
  source: string,
  options: ViewOptions,
  pin: (tree: TreeId) => void,
): PreviousWalk | null {
  const bytes = readCache(repository.files, repository.layout.cache, cacheName(source));
  if (bytes === null || !isSound(bytes)) return null;
  try {
    const snapshot = repository.readRecord(bytes.toString("hex", 24, 56) as SnapshotId);
    if (repository.refs.read(snapshot.diskId, snapshot.name) !== snapshot.id) return null;
    const root = readRoot(repository.chunks, treeDigest(snapshot.tree));
    const stored = bytes.subarray(headerBytes, bytes.length - digestBytes);
    // A copy with memory of its own begins where words may.
    const codec = bytes.readUInt32LE(12);
    const plain = new Uint8Array(decompressFrame(stored, codec, bytes.readUInt32LE(16)));
    const walk = RecordedWalk.decode(plain);
    const { files, directories } = root.sums;
    if (walk === null || walk.directories !== directories + 1 || walk.rows !== files + walk.directories)
      return null;
    const hasSameView = viewOf(options).equals(bytes.subarray(56, headerBytes));
    pin(snapshot.tree);
    return { root, walk, stored: { codec, bytes: stored }, hasSameView };
  } catch (error) {
    if (error instanceof StoreError && (error.code === "corrupt" || error.code === "chunk_missing"))
      return null;
    throw error;
  }
}

/** A cache that cannot be written costs time later, and is no reason to fail a snapshot that is stored. */
export function saveWalk(
  repository: Repository,
  source: string,
  options: ViewOptions,
  snapshot: SnapshotId,
  walk: RecordedWalk,
  previous: PreviousWalk | null,
): void {
  if (walk.bytes.length > walkBytesMax) return;
  const { files, layout } = repository;
  const { codec, bytes } = previous?.walk === walk ? previous.stored : compressWalk(walk);
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 0, "latin1");
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(codec, 12);
  header.writeUInt32LE(walk.bytes.length, 16);
  header.write(snapshot, 24, "hex");
  viewOf(options).copy(header, 56);
  const body = Buffer.concat([header, bytes]);
  writeCache(files, layout.cache, cacheName(source), Buffer.concat([body, hash(body)]));
}

/** For a directory that is gone. */
export function forgetWalk({ files, layout }: Repository, source: string): void {
  removeIfPresent(files, anywhere, `${layout.cache}/${cacheName(source)}`);
}

function compressWalk(walk: RecordedWalk): StoredWalk {
  const { codec, stored } = compressFrame(walk.bytes);
  return { codec, bytes: stored };
}

function isSound(bytes: Buffer): boolean {
  const body = bytes.subarray(0, Math.max(0, bytes.length - digestBytes));
  return (
    body.length >= headerBytes &&
    body.toString("latin1", 0, 8) === magic &&
    body.readUInt32LE(8) === version &&
    hash(body).equals(bytes.subarray(body.length))
  );
}

function cacheName(source: string): string {
  return `${hash(Buffer.from(source)).toString("hex", 0, 16)}.stat`;
}
