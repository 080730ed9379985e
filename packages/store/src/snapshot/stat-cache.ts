/**
 * Keeps the last walk of each plain directory, which is what makes its next snapshot look only at what changed.
 *
 *     magic "CHSRSTAT", u32 version 3, u32 codec, u32 bytes of the walk, u32 0, snapshot id (32), view (32)
 *     digest (32) of what follows the header
 *     digest (32) of the header before
 *     the walk (see `recorded-walk.ts`), compressed as a frame is
 *
 * The view is a digest of the options under which the walk was made: only under the same ones does an unchanged file have the
 * same entry. The file is a cache: it is never synced, and one that is damaged or stale is passed over. Where nothing changed only
 * the header is another, and it is written over the old one: the digest in it keeps it from being believed of another walk.
 */
import type { IdMap } from "../api.js";
import { digestBytes, hash, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import type { SnapshotId, TreeId } from "../ids.js";
import { walkBytesMax } from "../limits.js";
import { compressFrame, decompressFrame } from "../pack/frame.js";
import { overwriteCache, readCache, removeIfPresent, writeCache } from "../platform/durable.js";
import { anywhere } from "../platform/files.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { readRoot } from "../tree/directory.js";
import type { ComparisonThreads } from "./comparison-threads.js";
import { treeDigest } from "./record.js";
import { RecordedWalk } from "./recorded-walk.js";
import type { Repository } from "./repository.js";

const magic = "CHSRSTAT";
const version = 3;
const viewEnd = 88;
const walkDigestEnd = viewEnd + digestBytes;
const headerBytes = walkDigestEnd + digestBytes;

export interface StoredWalk {
  codec: number;
  digest: Digest;
}

export interface PreviousWalk {
  root: DirectoryTreeEntry;
  walk: RecordedWalk;
  /** How it is stored. */
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
 * snapshot must still be there, so that its objects are. `threads` are started when they will be of use.
 */
export function loadPreviousWalk(
  repository: Repository,
  source: string,
  options: ViewOptions,
  pin: (tree: TreeId) => void,
  threads: ComparisonThreads | null = null,
): PreviousWalk | null {
  const bytes = readCache(repository.files, repository.layout.cache, cacheName(source));
  if (bytes === null || !isSound(bytes)) return null;
  try {
    const walkBytes = bytes.readUInt32LE(16);
    const hasSameView = viewOf(options).equals(bytes.subarray(56, viewEnd));
    if (walkBytes > walkBytesMax) return null;
    if (hasSameView) threads?.startFor(walkBytes);
    const snapshot = repository.readRecord(bytes.toString("hex", 24, 56) as SnapshotId);
    if (repository.refs.read(snapshot.diskId, snapshot.name) !== snapshot.id) return null;
    const root = readRoot(repository.chunks, treeDigest(snapshot.tree));
    const codec = bytes.readUInt32LE(12);
    // In memory that threads can share, and that begins where words may.
    const room = Buffer.from(new SharedArrayBuffer(walkBytes));
    const walk = RecordedWalk.decode(decompressFrame(bytes.subarray(headerBytes), codec, walkBytes, room));
    const { files, directories } = root.sums;
    if (walk === null || walk.directories !== directories + 1 || walk.rows !== files + walk.directories)
      return null;
    pin(snapshot.tree);
    const digest = Buffer.from(bytes.subarray(viewEnd, walkDigestEnd));
    return { root, walk, stored: { codec, digest }, hasSameView };
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
  const header = (walkIs: StoredWalk): Buffer => headerOf(walkIs, walk, snapshot, viewOf(options));
  const name = cacheName(source);
  if (previous?.walk === walk) {
    overwriteCache(files, layout.cache, name, header(previous.stored));
    return;
  }
  const { codec, stored } = compressFrame(walk.bytes);
  writeCache(files, layout.cache, name, header({ codec, digest: hash(stored) }), stored);
}

function headerOf(
  { codec, digest }: StoredWalk,
  walk: RecordedWalk,
  snapshot: SnapshotId,
  view: Digest,
): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 0, "latin1");
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(codec, 12);
  header.writeUInt32LE(walk.bytes.length, 16);
  header.write(snapshot, 24, "hex");
  view.copy(header, 56);
  digest.copy(header, viewEnd);
  hash(header.subarray(0, walkDigestEnd)).copy(header, walkDigestEnd);
  return header;
}

/** For a directory that is gone. */
export function forgetWalk({ files, layout }: Repository, source: string): void {
  removeIfPresent(files, anywhere, `${layout.cache}/${cacheName(source)}`);
}

function isSound(bytes: Buffer): boolean {
  return (
    bytes.length >= headerBytes &&
    bytes.toString("latin1", 0, 8) === magic &&
    bytes.readUInt32LE(8) === version &&
    hash(bytes.subarray(0, walkDigestEnd)).equals(bytes.subarray(walkDigestEnd, headerBytes)) &&
    hash(bytes.subarray(headerBytes)).equals(bytes.subarray(viewEnd, walkDigestEnd))
  );
}

function cacheName(source: string): string {
  return `${hash(Buffer.from(source)).toString("hex", 0, 16)}.stat`;
}
