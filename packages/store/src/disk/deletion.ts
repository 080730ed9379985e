/**
 * Deleting a disk: its directory moves to the trash, which is the commit point, then its snapshots go. A crash in between
 * leaves the directory in the trash, whose name tells the next one whose snapshots are still to go.
 */
import { removeIfPresent, syncDirectory, withDirectory } from "../platform/durable.js";
import { StoreError } from "../errors.js";
import type { SnapshotId } from "../ids.js";
import type { Repository } from "../snapshot/repository.js";
import { forgetWalk } from "../snapshot/stat-cache.js";
import type { DiskRegistry } from "./registry.js";
import { labelOf, moveToTrash, trashNames } from "./trash.js";

const labelPrefix = "disk-";

/** Needs the disk's lock. Returns the name in the trash. */
export function deleteDisk(disks: DiskRegistry, repository: Repository, id: string): string {
  const { files, layout } = disks;
  return disks.guarded("exclusive", () => {
    forgetWalk(repository, disks.path(id));
    const name = moveToTrash(files, layout.trash, disks.path(id), `${labelPrefix}${id}`);
    syncDirectory(files, layout.trash);
    syncDirectory(files, layout.disks);
    dropSnapshots(repository, id);
    return name;
  });
}

/** Ends the deletions of disks with this id that a crash interrupted; under the exclusive lock of all disks. */
export function forgetDeleted(disks: DiskRegistry, repository: Repository, id: string): void {
  const names = trashNames(disks.files, disks.layout.trash);
  if (names.some((name) => labelOf(name) === `${labelPrefix}${id}`)) dropSnapshots(repository, id);
}

/** Ends all interrupted deletions; under the exclusive lock of all disks. */
export function forgetAllDeleted(disks: DiskRegistry, repository: Repository): void {
  for (const name of trashNames(disks.files, disks.layout.trash)) {
    const label = labelOf(name);
    if (!label.startsWith(labelPrefix)) continue;
    const id = label.slice(labelPrefix.length);
    // A disk of the same id that was made since has taken care of it.
    if (!disks.exists(id)) dropSnapshots(repository, id);
  }
}

/** Refs first, then the records that they named, so that no ref ever names a missing record. */
function dropSnapshots(repository: Repository, id: string): void {
  const { files, layout, refs } = repository;
  let records: SnapshotId[] = [];
  try {
    records = refs.list(id);
  } catch (error) {
    // The records of a damaged scope stay behind as garbage.
    if (!(error instanceof StoreError) || error.code !== "corrupt") throw error;
  }
  refs.dropScope(id);
  if (records.length === 0) return;
  withDirectory(files, layout.records, (directory) => {
    for (const record of records) removeIfPresent(files, directory, record);
    files.sync(directory);
  });
}
