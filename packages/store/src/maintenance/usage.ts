/** Where the bytes of a store are. The categories add up to what `du -s -B1` says of its directory, at rest. */
import type { StoreUsage } from "../api.js";
import type { Work } from "../snapshot/work.js";
import type { Repository } from "../snapshot/repository.js";
import { packsIn } from "../pack/index.js";
import { withDirectory } from "../platform/durable.js";
import type { Files } from "../platform/files.js";
import { allocatedUnder } from "../platform/allocated.js";
import { isDamage } from "./check/findings.js";
import { countsInsteadOf } from "./check/references.js";
import { countNeeded, keepReferences } from "./needed.js";
import { allocatedBytesOf, packStates } from "./packs.js";
import type { References } from "./references.js";

export function measureUsage(repository: Repository, work: Work, { audit }: { audit: boolean }): StoreUsage {
  const { files, layout } = repository;
  // Before anything is measured, because keeping it takes space itself.
  const references = referencesOrNull(repository, work);
  // One set of inodes for the whole walk, so that hard links between layers count once.
  const seen = new Set<string>();
  const layerBytes = allocatedUnder(files, layout.layers, seen);
  const diskBytes = allocatedUnder(files, layout.disks, seen);
  const packTreeBytes = allocatedUnder(files, layout.packs, seen);
  const counted = [layout.layers, layout.disks, layout.packs];
  const otherBytes = overhead(files, layout.root, counted, seen);
  const packBytes = packsIn(files, layout.packs).reduce(
    (total, id) => total + allocatedBytesOf(repository, id),
    0,
  );
  let deadBytes = 0;
  for (const state of references === null ? [] : packStates(repository, references)) {
    const share = 1 - state.neededPlainBytes / Math.max(1, state.plainBytes);
    deadBytes += Math.floor(allocatedBytesOf(repository, state.pack.id) * share);
  }
  const total = layerBytes + diskBytes + packTreeBytes + otherBytes;
  const snapshots = repository.allSnapshots();
  return {
    onDiskBytes: total,
    chunkBytes: packBytes - deadBytes,
    deadBytes,
    layerBytes,
    diskBytes,
    // The pack directory itself, and files in it that are no packs.
    overheadBytes: otherBytes + packTreeBytes - packBytes,
    logicalBytes: snapshots.reduce((total, snapshot) => total + snapshot.logicalBytes, 0),
    snapshots: snapshots.length,
    audit: audit ? { differences: differences(repository, work, references, total) } : null,
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
    found.push(`the categories add up to ${measuredBytes} bytes, a walk of the store finds ${walkedBytes}`);
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

/** The root itself and all in it that is not counted elsewhere, foreign files too: `du` counts them. */
function overhead(files: Files, root: string, counted: string[], seen: Set<string>): number {
  return withDirectory(files, root, (directory) =>
    files.list(directory).reduce((total, { name }) => {
      const path = `${root}/${name.toString("utf8")}`;
      if (counted.includes(path)) return total;
      const { type, allocatedBytes } = files.stat(directory, name);
      return total + (type === "directory" ? allocatedUnder(files, path, seen) : allocatedBytes);
    }, files.statOpen(directory).allocatedBytes),
  );
}
