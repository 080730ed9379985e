/**
 * Garbage collection, beside readers and writers in any process. What is needed is told by the snapshots and by the leases of
 * what runs at present. Most of the work needs nobody to wait: counting, planning, and writing what is needed of packs that are
 * mostly dead into new ones. Then, for a moment, nobody may begin to rely on objects or publish any: what came to be needed
 * meanwhile is taken off the plan, the index forgets the old packs, and these go to the trash. Stopped anywhere, nothing that is
 * needed is lost, and what was left over is found by the next run.
 */
import { moveToTrash, removeFromTrash } from "../disk/trash.js";
import { digestKey } from "../chunk/hash.js";
import type { PackId } from "../ids.js";
import { packPath } from "../pack/writer.js";
import { allocatedUnder } from "../platform/allocated.js";
import { syncDirectory } from "../platform/durable.js";
import { withLock } from "../platform/lock.js";
import type { Leased } from "../snapshot/lease.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { moveNeeded, type MovedPack } from "./move.js";
import { allocatedBytesOf, framesOf, packStates, type PackState } from "./packs.js";
import { freedBytesOf, planCollection, type CollectionPlan } from "./plan.js";
import { Census } from "./census.js";
import { countNeeded, whatIsNeeded } from "./needed.js";
import type { References } from "./references.js";
import { sweepRecords, sweepUnfinished } from "./sweep.js";

export interface Collected {
  plan: CollectionPlan;
  /** Allocated bytes that came back, not counting what `cache/` keeps for the next time. */
  freedBytes: number;
}

/** `thin`: also chunk by chunk; without, packs shrink by what the plan foretells. */
export function collect(repository: Repository, work: Work, options: { thin: boolean }): Collected {
  const { files, layout } = repository;
  return withLock(files, layout.collectLock, "exclusive", () => {
    // Counted and kept now, because the trees that went cannot be followed any more once their objects are gone.
    const { needed, references } = repository.withObjects(() => countNeeded(repository, work));
    const plan = planOf(repository, references, needed, options);
    const moved = moveNeeded(repository, plan.rewritten, options, work);
    const { trash, freedBytes } = withLock(files, layout.objectsLock, "exclusive", () =>
      takeAway(repository, references, needed, plan, moved, work),
    );
    return { plan, freedBytes: freedBytes + removeFromTrash(files, layout.trash, trash) };
  });
}

/** What a full collection would do now. To be asked while nothing is collected. */
export function foretell(repository: Repository, work: Work): Collected {
  const { needed, references } = countNeeded(repository, work);
  const plan = planOf(repository, references, needed, { thin: true });
  const allocatedBytes = ({ pack }: PackState): number => allocatedBytesOf(repository, pack.id);
  return { plan, freedBytes: freedBytesOf(plan, allocatedBytes, { thin: true }) };
}

function planOf(
  repository: Repository,
  references: References,
  needed: Leased,
  options: { thin: boolean },
): CollectionPlan {
  const states = packStates(repository, references, needed.packs);
  return planCollection(states, (state) => framesOf(repository, references, state), options);
}

/** Needs the exclusive lock of objects. What is in the trash afterwards is still to be counted. */
function takeAway(
  repository: Repository,
  references: References,
  before: Leased,
  plan: CollectionPlan,
  moved: MovedPack[],
  work: Work,
): { trash: string[]; freedBytes: number } {
  const { files, layout, chunks } = repository;
  chunks.reload();
  const now = whatIsNeeded(repository, { sweep: true });
  // A ref that is gone but not durably so would come back to objects that are deleted now.
  repository.refs.sync();
  // The same chunks make the same pack: one that an earlier, interrupted run wrote, or somebody writes now, is not to go.
  const planned = [...plan.deleted, ...plan.rewritten.map(({ state }) => state)].filter(
    ({ pack }) => !now.packs.has(pack.id) && moved.every((other) => other.pack.id !== pack.id),
  );
  const present = isSame(before.trees, now.trees)
    ? references
    : Census.of(repository).references(now.trees, work);
  const gone = isSame(before.trees, now.trees)
    ? planned
    : planned.filter((state) => isStillUnneeded(repository, present, state, moved));
  const indexBytes = allocatedUnder(files, layout.index);
  for (const { pack } of moved) chunks.index.addPack(pack);
  const trash = discardPacks(
    repository,
    gone.map(({ pack }) => pack.id),
  );
  let freedBytes = indexBytes - allocatedUnder(files, layout.index);
  for (const { isNew, allocatedBytes } of moved) if (isNew) freedBytes -= allocatedBytes;
  if (now.writers === 0) freedBytes += sweepUnfinished(repository);
  return { trash, freedBytes: freedBytes + sweepRecords(repository) };
}

/** The index forgets them first. Returns their names in the trash. */
function discardPacks({ files, layout, chunks }: Repository, packs: PackId[]): string[] {
  if (packs.length === 0) return [];
  chunks.index.drop(new Set(packs));
  const trash = packs.map((id) => moveToTrash(files, layout.trash, packPath(layout.packs, id), "pack"));
  syncDirectory(files, layout.packs);
  chunks.reload();
  return trash;
}

/** Is what came to be needed since the plan was made in other packs? */
function isStillUnneeded(
  repository: Repository,
  references: References,
  state: PackState,
  moved: MovedPack[],
): boolean {
  const kept = new Set(moved.flatMap(({ pack }) => pack.chunks.map(({ id }) => digestKey(id))));
  return framesOf(repository, references, state).every(({ needed }) =>
    needed.every(({ id }) => kept.has(digestKey(id))),
  );
}

function isSame<Value>(a: ReadonlySet<Value>, b: ReadonlySet<Value>): boolean {
  return a.size === b.size && [...a].every((value) => b.has(value));
}
