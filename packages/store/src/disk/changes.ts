/**
 * Changes to a file tree that the store does not have, such as an image: the upper directory of an overlay mount over it, kept as
 * `changesName` at the top of a disk. What layers hold of it is stacked below the writable part, so a clone of the disk
 * shares it like everything else.
 */
import type { ChangesMount } from "../api.js";
import { StoreError } from "../errors.js";
import { statIfPresent, withDirectory } from "../platform/durable.js";
import { anywhere, type Files } from "../platform/files.js";
import { changesName, isOpaque } from "../snapshot/overlay-marks.js";
import type { DiskDescription } from "./description.js";
import { workName } from "./generation.js";
import type { DiskRegistry } from "./registry.js";
import { copyRootMetadata, sameRootMetadata } from "./root-metadata.js";

const name = changesName.toString("latin1");
const newMode = 0o755;

/** Makes the writable part where it is not there yet. Needs the disk's lock. Not durable. */
export function provideChanges(disks: DiskRegistry, disk: DiskDescription): ChangesMount {
  const { files } = disks;
  const root = disks.upperPath(disk);
  const upper = `${root}/${name}`;
  const work = `${disks.path(disk.id)}/${disk.upper}/${workName}/changes`;
  if (statIfPresent(files, work) === null) files.makeDirectory(anywhere, work, 0o700);
  const present = statIfPresent(files, upper);
  if (present !== null && present.type !== "directory")
    throw new StoreError("corrupt", `the changes of disk ${disk.id} are not in a directory`, {
      data: { disk: disk.id },
    });
  const hidesAll = present !== null && withDirectory(files, upper, (fd) => isOpaque(files, fd));
  const lower = disk.driver === "directory" || hidesAll ? [] : lowerChanges(disks, disk);
  if (present === null) makeUpper(files, root, upper, lower[0] ?? null);
  return { lower, upper, work };
}

/** True when the writable part, which must be there, says the same as what it stands on. */
export function hasNoChanges(disks: DiskRegistry, disk: DiskDescription): boolean {
  const { files } = disks;
  const upper = `${disks.upperPath(disk)}/${name}`;
  const below = lowerChanges(disks, disk)[0];
  if (below === undefined || files.stat(anywhere, upper).type !== "directory") return false;
  const isEmpty = withDirectory(files, upper, (fd) => files.list(fd).length === 0 && !isOpaque(files, fd));
  return isEmpty && sameRootMetadata(files, upper, below);
}

/** Of the layers, topmost first: as in any directory, what is not one, or hides all below, is the last. */
function lowerChanges(disks: DiskRegistry, disk: DiskDescription): string[] {
  const { files, layers } = disks;
  const found: string[] = [];
  for (const layer of disks.stack(disk)) {
    const path = `${layers.filesPath(layer)}/${name}`;
    const stat = statIfPresent(files, path);
    if (stat === null) continue;
    if (stat.type !== "directory") break;
    found.push(path);
    if (withDirectory(files, path, (fd) => isOpaque(files, fd))) break;
  }
  return found;
}

/** The disk's root keeps its time: that there is a place for changes is none. */
function makeUpper(files: Files, root: string, upper: string, like: string | null): void {
  const { mtimeSeconds, mtimeNanoseconds } = files.stat(anywhere, root);
  files.makeDirectory(anywhere, upper, 0o700);
  if (like === null) files.setMode(anywhere, upper, newMode);
  else copyRootMetadata(files, like, upper);
  files.setModified(anywhere, root, mtimeSeconds, mtimeNanoseconds);
}
