/**
 * Garbage collection: `plan` decides, `apply` does. Live chunks of packs that are mostly dead move into new packs first,
 * then the index forgets the old packs, then these are deleted; stopped anywhere, nothing that is needed is lost, and what
 * was left over is found by the next run.
 */
import type { PackId } from "../ids.js";
import { deadShareMax } from "../limits.js";
import { PackWriter, packPath, type WrittenPack } from "../pack/writer.js";
import { namesIn, removeIfPresent, syncDirectory, withDirectory } from "../platform/durable.js";
import { anywhere, isErrno } from "../platform/files.js";
import { withLock } from "../platform/lock.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { allocatedUnder } from "../platform/allocated.js";
import { liveObjects, packStates, type PackState } from "./packs.js";

export interface CollectionPlan {
  /** Packs without a single live chunk. */
  deleted: PackState[];
  /** Packs whose live chunks are moved. */
  rewritten: PackState[];
}

export function planCollection(states: PackState[]): CollectionPlan {
  const plan: CollectionPlan = { deleted: [], rewritten: [] };
  for (const state of states) {
    if (state.live === null || state.deadPlainBytes === 0) continue;
    if (state.live.length === 0) plan.deleted.push(state);
    else if (state.deadPlainBytes > deadShareMax * state.plainBytes) plan.rewritten.push(state);
  }
  return plan;
}

/** What the plan will return to the filesystem, rewritten packs taken in proportion. */
export function predictFreedBytes(plan: CollectionPlan): number {
  const whole = plan.deleted.reduce((total, state) => total + state.allocatedBytes, 0);
  return plan.rewritten.reduce(
    (total, state) => total + Math.floor((state.allocatedBytes * state.deadPlainBytes) / state.plainBytes),
    whole,
  );
}

/**
 * To be called while nobody else reads or writes objects. Returns the allocated bytes that were freed since
 * `bytesBefore` was measured with `objectBytes`.
 */
export function collect(
  repository: Repository,
  work: Work,
  bytesBefore: number,
): { plan: CollectionPlan; freedBytes: number } {
  sweepUnfinished(repository);
  // A ref that is gone but not durably so would come back to objects that are deleted now.
  repository.refs.sync();
  const plan = planCollection(packStates(repository, liveObjects(repository)));
  applyCollection(repository, plan, work);
  sweepRecords(repository);
  return { plan, freedBytes: bytesBefore - objectBytes(repository) };
}

export function applyCollection(repository: Repository, plan: CollectionPlan, work: Work): void {
  const { files, layout, chunks } = repository;
  const gone = new Set<PackId>([...plan.deleted, ...plan.rewritten].map((state) => state.pack.id));
  if (gone.size === 0) return;
  const written: WrittenPack[] = [];
  for (const kind of ["data", "tree"] as const) {
    const writer = new PackWriter(files, layout.packs, kind, chunks.compression, (pack) =>
      written.push(pack),
    );
    try {
      for (const state of plan.rewritten) {
        if (state.pack.kind !== kind) continue;
        const inOrder = [...(state.live ?? [])].sort((a, b) => a.frame - b.frame || a.offset - b.offset);
        for (const chunk of inOrder) {
          work.step();
          writer.add(chunk.id, chunks.get(chunk.id));
        }
      }
      writer.finish();
    } finally {
      writer.abort();
    }
  }
  for (const pack of written) {
    chunks.index.addPack(pack);
    // The same chunks make the same pack: one that an earlier, interrupted run wrote is not to go now.
    gone.delete(pack.id);
  }
  chunks.index.drop(gone);
  chunks.reload();
  for (const id of gone) removeIfPresent(files, anywhere, packPath(layout.packs, id));
  syncDirectory(files, layout.packs);
}

/** Temporary files of writers that died: nobody writes now, so every one of them is abandoned. */
function sweepUnfinished(repository: Repository): void {
  const { files, layout } = repository;
  const sweep = (path: string): void =>
    withDirectory(files, path, (directory) => {
      for (const { name } of files.list(directory)) {
        if (name.toString("latin1").startsWith(".tmp-")) removeIfPresent(files, directory, name);
      }
    });
  for (const path of [layout.root, layout.packs, layout.index, layout.records]) sweep(path);
  try {
    sweep(layout.cache);
  } catch (error) {
    // It is made by the first walk that is worth remembering.
    if (!isErrno(error, "ENOENT")) throw error;
  }
  withLock(files, layout.refsLock, "exclusive", () => {
    sweep(`${layout.refs}/snapshots`);
    for (const disk of namesIn(files, `${layout.refs}/disks`)) sweep(`${layout.refs}/disks/${disk}`);
  });
}

/** Records that no ref names: left by a snapshot that was stopped before its ref, or a delete after it. */
function sweepRecords(repository: Repository): void {
  const named = new Set(repository.allSnapshots().map((snapshot) => snapshot.id));
  for (const id of repository.recordIds()) {
    if (!named.has(id)) removeIfPresent(repository.files, anywhere, `${repository.layout.records}/${id}`);
  }
}

/** Allocated bytes of everything that snapshots consist of. */
export function objectBytes(repository: Repository): number {
  const { layout, files } = repository;
  return [layout.packs, layout.index, layout.records, layout.refs].reduce(
    (total, path) => total + allocatedUnder(files, path),
    0,
  );
}
