/**
 * Rebuilds what can be rebuilt and puts aside, never deletes, what cannot. The order, in which a crash after any step leaves a
 * store that is no worse than before and can be repaired again:
 *
 *     1. what is whole in damaged packs is durable in new packs
 *     2. the index is made from all whole packs; from now on what is lost counts as missing, and is stored when it turns up
 *     3. refs lead to their records again where these can be told
 *     4. what is damaged or means nothing moves to `quarantine/`
 *     5. what remembers trees that are not whole forgets them, so that their files are read again
 */
import type { FsckReport, RepairReport } from "../api.js";
import { ensureDirectory, syncDirectory } from "../platform/durable.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { TreeCheck } from "./check/trees.js";
import { Census } from "./census.js";
import { checkStore, disksOf, reportOf, type StoreCheck } from "./fsck.js";
import { forgetLayerTrees, forgetWalks, storeLayersAgain } from "./repair/caches.js";
import { repairPacks } from "./repair/packs.js";
import { quarantine } from "./repair/quarantine.js";
import { repairRefs } from "./repair/refs.js";

/** To be called while nobody else reads or writes objects. Reads every byte, because what it does not see it cannot mend. */
export function repairStore(repository: Repository, work: Work): FsckReport {
  const startedAt = performance.now();
  const check = checkStore(repository, work, true);
  const repair = check.findings.length === 0 ? nothingDone : apply(repository, check, work);
  return { ...reportOf(check, startedAt), ok: repair.remaining.length === 0, repair };
}

const nothingDone: RepairReport = {
  indexRebuilt: false,
  savedChunks: 0,
  lostChunks: 0,
  restoredRefs: [],
  quarantined: [],
  remaining: [],
};

function apply(repository: Repository, check: StoreCheck, work: Work): RepairReport {
  const { files, layout, chunks } = repository;
  for (const path of check.missingDirectories) {
    ensureDirectory(files, `${layout.root}/${path}`);
    syncDirectory(files, `${layout.root}/${path}`.replace(/\/[^/]*$/, ""));
  }
  const { savedChunks, lostChunks, present } = repairPacks(repository, check, work);
  const { restored, useless } = repairRefs(
    repository,
    check.damagedRefs,
    present,
    new TreeCheck(chunks, present, work),
  );
  const damagedPacks = [...check.damagedPacks].map((id) => `packs/${id}.pack`);
  const quarantined = quarantine(repository, [...damagedPacks, ...useless, ...check.strays]);
  chunks.reload();
  Census.forget(repository, check.rightReferences);
  return {
    indexRebuilt: check.indexIsWrong || check.damagedPacks.size > 0,
    savedChunks,
    lostChunks,
    restoredRefs: restored,
    quarantined,
    remaining: forgetDamaged(repository, work).findings,
  };
}

/** What was read a moment ago need not be read again. */
function forgetDamaged(repository: Repository, work: Work): StoreCheck {
  const check = checkStore(repository, work, false);
  if (check.damagedSnapshots.length === 0) return check;
  const disks = disksOf(repository);
  const treesOf = ({ damagedSnapshots }: StoreCheck) => new Set(damagedSnapshots.map(({ tree }) => tree));
  forgetWalks(repository);
  const again = storeLayersAgain(repository, disks, treesOf(check), work)
    ? checkStore(repository, work, false)
    : check;
  forgetLayerTrees(disks, treesOf(again));
  return again;
}
