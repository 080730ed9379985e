/** What is done first whenever a disk is taken: an interrupted freeze is ended, and what nothing names is removed. */
import { withDirectory } from "../platform/durable.js";
import type { DiskDescription } from "./description.js";
import { finishFreeze } from "./freeze.js";
import { descriptionName, lockName, type DiskRegistry } from "./registry.js";
import { discard } from "./trash.js";

/** Needs the disk's lock. */
export function settle(disks: DiskRegistry, id: string): DiskDescription {
  const disk = disks.read(id);
  finishFreeze(disks, disk);
  const wanted = new Set([descriptionName, lockName, disk.upper]);
  const path = disks.path(id);
  const garbage = withDirectory(disks.files, path, (directory) => disks.files.list(directory))
    .map((entry) => entry.name.toString("utf8"))
    .filter((name) => !wanted.has(name));
  discard(disks.files, path, garbage);
  return disk;
}
