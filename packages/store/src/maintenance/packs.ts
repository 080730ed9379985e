/** What of each pack is alive: the common ground of collection and accounting. */
import type { PackId } from "../ids.js";
import { digestKey } from "../chunk/hash.js";
import type { ChunkEntry, PackContents } from "../pack/format.js";
import { readPackContents } from "../pack/reader.js";
import type { IndexedPack } from "../pack/segment-format.js";
import { packPath } from "../pack/writer.js";
import { anywhere, isErrno } from "../platform/files.js";
import type { Repository } from "../snapshot/repository.js";
import { treeDigest } from "../snapshot/record.js";
import { markTree } from "../tree/reach.js";

export interface PackState {
  pack: IndexedPack;
  allocatedBytes: number;
  /** Plain bytes of all chunks, and of those that nothing needs. */
  plainBytes: number;
  deadPlainBytes: number;
  /** The chunks that something needs; null when all are. */
  live: ChunkEntry[] | null;
}

/** Keys of all objects that some snapshot needs. */
export function liveObjects(repository: Repository): Set<string> {
  const live = new Set<string>();
  for (const snapshot of repository.allSnapshots()) {
    markTree(repository.chunks, treeDigest(snapshot.tree), live);
  }
  return live;
}

/** A chunk that stands in two packs is alive in the one that the index names, and dead in the other. */
export function packStates(repository: Repository, live: ReadonlySet<string>): PackState[] {
  const { index } = repository.chunks;
  const liveCounts = new Map<PackId, number>();
  for (const { id, location } of index.entries()) {
    if (live.has(digestKey(id))) liveCounts.set(location.pack, (liveCounts.get(location.pack) ?? 0) + 1);
  }
  const states: PackState[] = [];
  for (const pack of index.packs()) {
    const state = packState(repository, pack, liveCounts.get(pack.id) ?? 0, live);
    if (state !== null) states.push(state);
  }
  return states;
}

function packState(
  repository: Repository,
  pack: IndexedPack,
  liveCount: number,
  live: ReadonlySet<string>,
): PackState | null {
  const opened = openContents(repository, pack.id, liveCount === pack.chunkCount);
  if (opened === null) return null;
  const { allocatedBytes, contents } = opened;
  if (contents === null) {
    return { pack, allocatedBytes, plainBytes: pack.fileBytes, deadPlainBytes: 0, live: null };
  }
  const alive = contents.chunks.filter(
    (chunk) => live.has(digestKey(chunk.id)) && repository.chunks.index.find(chunk.id)?.pack === pack.id,
  );
  const sum = (chunks: ChunkEntry[]): number => chunks.reduce((total, chunk) => total + chunk.length, 0);
  const plainBytes = sum(contents.chunks);
  return { pack, allocatedBytes, plainBytes, deadPlainBytes: plainBytes - sum(alive), live: alive };
}

/** Null when the pack is gone. Contents are only read when they are asked for. */
function openContents(
  repository: Repository,
  id: PackId,
  withoutContents: boolean,
): { allocatedBytes: number; contents: PackContents | null } | null {
  const { files, layout } = repository;
  let fd;
  try {
    fd = files.open(anywhere, packPath(layout.packs, id));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
  try {
    const { allocatedBytes } = files.statOpen(fd);
    return { allocatedBytes, contents: withoutContents ? null : readPackContents(files, fd, id) };
  } finally {
    files.close(fd);
  }
}
