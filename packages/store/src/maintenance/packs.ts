/** What of each pack is needed: the common ground of collection and accounting. */
import type { PackId } from "../ids.js";
import type { ChunkEntry, FrameEntry, PackContents } from "../pack/format.js";
import { readPackContents } from "../pack/reader.js";
import type { IndexedPack } from "../pack/segment-format.js";
import { packPath } from "../pack/writer.js";
import { anywhere, isErrno } from "../platform/files.js";
import type { Repository } from "../snapshot/repository.js";
import type { References } from "./references.js";

export interface FrameState {
  frame: FrameEntry;
  chunks: ChunkEntry[];
  /** Those that something needs, in the order of their offsets, and their plain bytes. */
  needed: ChunkEntry[];
  neededPlainBytes: number;
}

export interface PackState {
  pack: IndexedPack;
  allocatedBytes: number;
  /** Null when every object is needed. */
  frames: FrameState[] | null;
}

/** Does a snapshot need the object, and from this pack? One that stands in two packs is needed in the one that the index names. */
export function isNeeded(
  repository: Repository,
  references: References,
  pack: PackId,
  { id }: ChunkEntry,
): boolean {
  return references.needs(id) && repository.chunks.index.find(id)?.pack === pack;
}

/** Of all packs but those of `leased`, which are being written. */
export function packStates(
  repository: Repository,
  references: References,
  leased: ReadonlySet<PackId> = new Set(),
): PackState[] {
  const { index } = repository.chunks;
  const needed = new Map<PackId, number>();
  for (const { id, location } of index.entries()) {
    if (references.needs(id)) needed.set(location.pack, (needed.get(location.pack) ?? 0) + 1);
  }
  return index.packs().flatMap((pack) => {
    if (leased.has(pack.id)) return [];
    return packState(repository, references, pack, needed.get(pack.id) === pack.chunkCount) ?? [];
  });
}

/** Null when the pack is gone. */
function packState(
  repository: Repository,
  references: References,
  pack: IndexedPack,
  isWhole: boolean,
): PackState | null {
  const opened = openContents(repository, pack.id, isWhole);
  if (opened === null) return null;
  const { allocatedBytes, contents } = opened;
  if (contents === null) return { pack, allocatedBytes, frames: null };
  const frames: FrameState[] = contents.frames.map((frame) => ({
    frame,
    chunks: [],
    needed: [],
    neededPlainBytes: 0,
  }));
  for (const chunk of contents.chunks) {
    const state = frames[chunk.frame] as FrameState;
    state.chunks.push(chunk);
    if (!isNeeded(repository, references, pack.id, chunk)) continue;
    state.needed.push(chunk);
    state.neededPlainBytes += chunk.length;
  }
  for (const { needed } of frames) needed.sort((a, b) => a.offset - b.offset);
  return { pack, allocatedBytes, frames };
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
