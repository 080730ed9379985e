/** Where the bytes of a store are. The categories add up to what `du -s -B1` says of its directory, at rest. */
import type { StoreUsage } from "../api.js";
import type { Work } from "../snapshot/work.js";
import type { Repository } from "../snapshot/repository.js";
import type { DiskSet } from "../disk/disks.js";
import { anywhere } from "../platform/files.js";
import { allocatedUnder } from "../platform/allocated.js";
import { isDamage } from "./check/findings.js";
import { countsInsteadOf } from "./check/references.js";
import { countNeeded, keepReferences } from "./needed.js";
import { measureStore } from "./store-bytes.js";
import { allocatedBytesOf, packStates } from "./packs.js";
import type { References } from "./references.js";

export function measureUsage(
  repository: Repository,
  disks: DiskSet,
  work: Work,
  { audit }: { audit: boolean },
): StoreUsage {
  // Before anything is measured, because keeping it takes space itself.
  const references = referencesOrNull(repository, work);
  let deadBytes = 0;
  for (const state of references === null ? [] : packStates(repository, references)) {
    if (state.neededPlainBytes === state.plainBytes) continue;
    const share = 1 - state.neededPlainBytes / Math.max(1, state.plainBytes);
    deadBytes += Math.floor(allocatedBytesOf(repository, state.pack.id) * share);
  }
  const { packBytes, ...bytes } = measureStore(repository, disks);
  const directoryBytes = repository.files.stat(anywhere, repository.layout.packs).allocatedBytes;
  const snapshots = repository.allSnapshots();
  return {
    onDiskBytes: bytes.onDiskBytes,
    chunkBytes: packBytes - directoryBytes - deadBytes,
    deadBytes,
    layerBytes: bytes.layerBytes,
    diskBytes: bytes.diskBytes,
    overheadBytes: bytes.overheadBytes + directoryBytes,
    logicalBytes: snapshots.reduce((total, snapshot) => total + snapshot.logicalBytes, 0),
    snapshots: snapshots.length,
    audit: audit ? { differences: differences(repository, work, references, bytes.onDiskBytes) } : null,
  };
}

/** Counts everything again, by other ways than before. */
function differences(
  repository: Repository,
  work: Work,
  references: References | null,
  measuredBytes: number,
): string[] {
  const found: string[] = [];
  const { files, layout } = repository;
  const walkedBytes = allocatedUnder(files, layout.root);
  if (walkedBytes !== measuredBytes) {
    found.push(
      `the categories add up to ${measuredBytes} bytes, a walk of the store finds ${walkedBytes}; everything is walked the next time`,
    );
    repository.regions.forget();
  }
  if (references === null)
    return [...found, "a snapshot is damaged, so nothing tells what is needed: see fsck"];
  const right = countsInsteadOf(references, repository, work);
  if (right !== null) {
    found.push("the counts of references were wrong; they are made anew now");
    keepReferences(repository, right);
  }
  return found;
}

/** Null while damage hides what is needed. */
function referencesOrNull(repository: Repository, work: Work): References | null {
  try {
    return countNeeded(repository, work).references;
  } catch (error) {
    if (isDamage(error)) return null;
    throw error;
  }
}
