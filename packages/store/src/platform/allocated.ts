/** What everything at and below a path takes: each inode once, and its allocated bytes (`st_blocks * 512`), as `du -s -B1` counts. */
import { openIfPresent } from "./durable.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";

export interface Taken {
  /** Allocated. */
  bytes: number;
  /** Files, directories and whatever else has a name. */
  inodes: number;
}

/** Is told every name of a file that has several; `key` says which file it is. */
export type OnLink = (key: string, stat: Stat) => void;

/** Bytes alone. 0 when there is nothing. */
export function allocatedUnder(files: Files, path: string): number {
  return takenUnder(files, path).bytes;
}

/** Nothing when there is nothing. */
export function takenUnder(files: Files, path: string, onLink: OnLink = () => undefined): Taken {
  const taken = { bytes: 0, inodes: 0 };
  const directory = openIfPresent(files, path, { directory: true });
  if (directory === null) return taken;
  try {
    add(taken, files.statOpen(directory));
    addBelow(files, directory, taken, new Set(), onLink);
    return taken;
  } finally {
    files.close(directory);
  }
}

function add(taken: Taken, { allocatedBytes }: Stat): void {
  taken.bytes += allocatedBytes;
  taken.inodes += 1;
}

/** `seen`: inodes that were counted already. */
function addBelow(files: Files, directory: Fd, taken: Taken, seen: Set<string>, onLink: OnLink): void {
  for (const { name } of files.list(directory)) {
    try {
      const stat = files.stat(directory, name);
      if (stat.type !== "directory" && stat.links > 1) {
        const key = `${stat.device}:${stat.inode}`;
        onLink(key, stat);
        if (seen.has(key)) continue;
        seen.add(key);
      }
      add(taken, stat);
      if (stat.type !== "directory") continue;
      const child = files.open(directory, name, { directory: true });
      try {
        addBelow(files, child, taken, seen, onLink);
      } finally {
        files.close(child);
      }
    } catch (error) {
      // A live disk may remove a file between listing and asking. What may not be opened counts alone, as with `du`:
      // overlayfs leaves an empty directory of mode 000 in its work directory.
      if (!isErrno(error, "ENOENT", "EACCES")) throw error;
    }
  }
}
