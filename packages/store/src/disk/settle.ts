/** What is done first whenever a disk is taken: an interrupted freeze is ended, and what nothing names is removed. */
import { syncDirectory, withDirectory } from "../platform/durable.js";
import type { DiskDescription } from "./description.js";
import { finishFreeze } from "./freeze.js";
import { descriptionName, lockName, type DiskRegistry } from "./registry.js";
import { discard } from "./trash.js";

/** Needs the disk's lock. */
export function settle(disks: DiskRegistry, id: string): DiskDescription {
  const disk = disks.read(id);
  if (unnamed(disks, disk).length === 0) return disk;
  // The description may have been put in place by one who died before he could sync its name. If it went back to the one
  // before, that one would name what is moved or removed now.
  syncDirectory(disks.files, disks.path(id));
  finishFreeze(disks, disk);
  discard(disks.files, disks.path(id), unnamed(disks, disk));
  return disk;
}

/** What stands in the disk's directory and is neither part of its present state nor its description. */
function unnamed(disks: DiskRegistry, disk: DiskDescription): string[] {
  const wanted = new Set([descriptionName, lockName, disk.upper]);
  return withDirectory(disks.files, disks.path(disk.id), (directory) => disks.files.list(directory))
    .map((entry) => entry.name.toString("utf8"))
    .filter((name) => !wanted.has(name));
}
