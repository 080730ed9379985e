/** Puts packs and index right: what is whole in damaged packs moves to new ones, and the index is made from the packs. */
import type { PackId } from "../../ids.js";
import { DigestLengths } from "../../chunk/digest-lengths.js";
import { DigestSet } from "../../chunk/digest-set.js";
import { hash, type Digest } from "../../chunk/hash.js";
import type { ChunkEntry, PackKind } from "../../pack/format.js";
import { PackWriter, packPath, type WrittenPack } from "../../pack/writer.js";
import { anywhere, type Fd } from "../../platform/files.js";
import type { Repository } from "../../snapshot/repository.js";
import type { Work } from "../../snapshot/work.js";
import { isMetadata } from "../../tree/metadata.js";
import { isDamage } from "../check/findings.js";
import type { PresentObjects } from "../check/present.js";
import type { StoreCheck } from "../fsck.js";
import { readPack } from "../packs.js";
import { salvagePack } from "./salvage.js";

export interface PackRepair {
  /** Objects that only a damaged pack held, and that are in a new one now. */
  savedChunks: number;
  /** Objects that no pack holds any more. */
  lostChunks: number;
  /** Those that can be read now. */
  present: PresentObjects;
}

/** The damaged packs are still in their place after it, and no segment names them. */
export function repairPacks(repository: Repository, check: StoreCheck, work: Work): PackRepair {
  if (check.damagedPacks.size === 0 && !check.indexIsWrong) {
    return { savedChunks: 0, lostChunks: 0, present: check.present };
  }
  // What a damaged pack holds goes with it, also what can be read.
  const present = new DigestLengths();
  for (const { chunks } of wholePacks(repository, check)) {
    for (const { id, length } of chunks) present.set(id, length);
  }
  const before = present.size;
  const { written, listed } = salvage(repository, check, present, work);
  repository.chunks.index.rebuild(following(wholePacks(repository, check), written));
  repository.chunks.reload();
  return {
    savedChunks: present.size - before,
    lostChunks: countOthers(listed, present),
    present,
  };
}

function countOthers(ids: Iterable<Digest>, present: DigestLengths): number {
  let count = 0;
  for (const id of ids) if (!present.has(id)) count += 1;
  return count;
}

/** Adds to `present` what it saves. `listed`: all that the index or a damaged pack names. */
function salvage(
  repository: Repository,
  { damagedPacks }: StoreCheck,
  present: DigestLengths,
  work: Work,
): { written: WrittenPack[]; listed: DigestSet } {
  const { files, layout, chunks } = repository;
  const known = new Map<PackId, ChunkEntry[]>([...damagedPacks].map((id) => [id, []]));
  const listed = new DigestSet();
  try {
    for (const { id, location } of chunks.index.entries()) {
      listed.add(id);
      known.get(location.pack)?.push({ id, ...location });
    }
  } catch (error) {
    // Only hints are lost where a segment cannot be read to its end.
    if (!isDamage(error)) throw error;
  }
  const written: WrittenPack[] = [];
  const writerOf = (kind: PackKind): PackWriter =>
    new PackWriter(files, layout.packs, kind, chunks.compression, (pack) => written.push(pack));
  const writers = { data: writerOf("data"), tree: writerOf("tree") };
  try {
    for (const [pack, rows] of known) {
      work.step();
      const seen = withPack(repository, pack, (fd) =>
        salvagePack(files, fd, rows, (bytes) => {
          const id = hash(bytes);
          if (present.has(id)) return;
          present.set(id, bytes.length);
          writers[isMetadata(bytes) ? "tree" : "data"].add(id, bytes);
        }),
      );
      for (const { id } of seen) listed.add(id);
    }
    for (const writer of [writers.data, writers.tree]) writer.finish();
  } finally {
    for (const writer of [writers.data, writers.tree]) writer.abort();
  }
  return { written, listed };
}

/** One after another: the tables of all packs together are many times as large as an index of them. */
function* wholePacks(repository: Repository, { packs, damagedPacks }: StoreCheck): Generator<WrittenPack> {
  for (const id of packs) if (!damagedPacks.has(id)) yield readPack(repository, id);
}

function* following<Item>(first: Iterable<Item>, second: Iterable<Item>): Generator<Item> {
  yield* first;
  yield* second;
}

function withPack<Result>({ files, layout }: Repository, id: PackId, run: (fd: Fd) => Result): Result {
  const fd = files.open(anywhere, packPath(layout.packs, id));
  try {
    return run(fd);
  } finally {
    files.close(fd);
  }
}
