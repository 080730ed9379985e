/** What everything at and below a path takes: each inode once, and its allocated bytes (`st_blocks * 512`), as `du -s -B1` counts. */
import { openIfPresent } from "./durable.js";
import type { Files, Stat } from "./files.js";
import { walkBelow } from "./walk.js";

export interface Taken {
  /** Allocated. */
  bytes: number;
  /** Files, directories and whatever else has a name. */
  inodes: number;
}

/**
 * A live disk may remove a file between listing and asking, or put something else in the place of a directory. What may not be opened
 * counts alone, as with `du`: overlayfs leaves an empty directory of mode 000 in its work directory.
 */
export const goneOrShut = ["ENOENT", "ENOTDIR", "ELOOP", "EACCES"];

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
    const seen = new Set<string>();
    walkBelow(files, directory, {
      enter: (parent, { name }) => {
        const stat = files.stat(parent, name);
        if (stat.type !== "directory" && stat.links > 1) {
          const key = `${stat.device}:${stat.inode}`;
          onLink(key, stat);
          if (seen.has(key)) return null;
          seen.add(key);
        }
        add(taken, stat);
        return stat.type === "directory" ? files.open(parent, name, { directory: true }) : null;
      },
      passOver: goneOrShut,
    });
    return taken;
  } finally {
    files.close(directory);
  }
}

function add(taken: Taken, { allocatedBytes }: Stat): void {
  taken.bytes += allocatedBytes;
  taken.inodes += 1;
}
