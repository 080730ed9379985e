/** What of each pack is needed: the common ground of collection and accounting. */
import type { PackId } from "../ids.js";
import type { ChunkEntry, FrameEntry, PackContents } from "../pack/format.js";
import { readPackContents } from "../pack/reader.js";
import { lengthWord } from "../pack/segment-rows.js";
import type { IndexedPack } from "../pack/segment-format.js";
import { packPath, type WrittenPack } from "../pack/writer.js";
import { anywhere, isErrno } from "../platform/files.js";
import type { Repository } from "../snapshot/repository.js";
import type { References } from "./references.js";

/** Says of each object whether anything needs it. */
export type Needs = Pick<References, "needs">;

/** As far as the index tells. An object that stands in two packs counts in the one that the index names. */
export interface PackState {
  pack: IndexedPack;
  /** Plain bytes of the objects in it, and of those that something needs. */
  plainBytes: number;
  neededPlainBytes: number;
  neededObjects: number;
}

export interface FrameState {
  frame: FrameEntry;
  chunks: ChunkEntry[];
  /** Those that something needs, in the order of their offsets, and their plain bytes. */
  needed: ChunkEntry[];
  neededPlainBytes: number;
}

/** Of all packs but those of `leased`, which are being written. */
export function packStates(
  repository: Repository,
  references: References,
  leased: ReadonlySet<PackId> = new Set(),
  claims = references.claims(),
): PackState[] {
  const states = new Map<PackId, CountedPack>();
  const { index } = repository.chunks;
  for (const segment of index.segments()) {
    const own = segment.packs.map((pack) => {
      const nothing = { pack, rows: 0, plainBytes: 0, neededPlainBytes: 0, neededObjects: 0 };
      const state = states.get(pack.id) ?? nothing;
      states.set(pack.id, state);
      return state;
    });
    claims.restart();
    segment.scan((words, prefix, rest, number) => {
      const state = own[number] as CountedPack;
      if (!index.isThere(state.pack.id)) return;
      const length = words[rest + lengthWord] as number;
      state.rows += 1;
      state.plainBytes += length;
      if (!claims.claim(words, prefix, rest)) return;
      state.neededPlainBytes += length;
      state.neededObjects += 1;
    });
  }
  return [...states.values()]
    .filter(({ pack }) => index.isThere(pack.id) && !leased.has(pack.id))
    .map(({ rows, ...state }) => {
      // Of an object that stands in two packs, the index forgets one.
      if (rows === state.pack.chunkCount || rows === 0) return state;
      const { chunks } = readContents(repository, state.pack.id);
      return { ...state, plainBytes: chunks.reduce((total, { length }) => total + length, 0) };
    });
}

interface CountedPack extends PackState {
  rows: number;
}

/** Reads the contents of the pack. */
export function framesOf(repository: Repository, references: Needs, { pack }: PackState): FrameState[] {
  const frames = unneededFrames(repository, pack.id);
  for (const state of frames) {
    state.needed = state.chunks.filter((chunk) => isNeeded(repository, references, pack.id, chunk));
    state.needed.sort((a, b) => a.offset - b.offset);
    state.neededPlainBytes = state.needed.reduce((total, { length }) => total + length, 0);
  }
  return frames;
}

/** The same for a pack of which nothing is needed. */
export function unneededFrames(repository: Repository, id: PackId): FrameState[] {
  const contents = readContents(repository, id);
  const frames = contents.frames.map((frame): FrameState => ({
    frame,
    chunks: [],
    needed: [],
    neededPlainBytes: 0,
  }));
  for (const chunk of contents.chunks) (frames[chunk.frame] as FrameState).chunks.push(chunk);
  return frames;
}

export function readContents({ files, layout }: Repository, id: PackId): PackContents {
  const fd = files.open(anywhere, packPath(layout.packs, id));
  try {
    return readPackContents(files, fd, id);
  } finally {
    files.close(fd);
  }
}

export function readPack(repository: Repository, id: PackId): WrittenPack {
  const { files, layout } = repository;
  const contents = readContents(repository, id);
  return { ...contents, fileBytes: files.stat(anywhere, packPath(layout.packs, id)).sizeBytes };
}

/** Does anything need the object, and from this pack? */
function isNeeded(repository: Repository, references: Needs, pack: PackId, { id }: ChunkEntry): boolean {
  return references.needs(id) && repository.chunks.index.find(id)?.pack === pack;
}

/** 0 when the pack is gone. */
export function allocatedBytesOf({ files, layout }: Repository, id: PackId): number {
  try {
    return files.stat(anywhere, packPath(layout.packs, id)).allocatedBytes;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0;
    throw error;
  }
}
