/** Allocated bytes (`st_blocks * 512`) of everything at and below a path, each inode once, as `du -s -B1` counts. */
import { openIfPresent } from "./durable.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";

/** Is told every name of a file that has several; `key` says which file it is. */
export type OnLink = (key: string, stat: Stat) => void;

/** 0 when there is nothing. `seen` holds inodes that were counted already. */
export function allocatedUnder(
  files: Files,
  path: string,
  seen = new Set<string>(),
  onLink: OnLink = () => undefined,
): number {
  const directory = openIfPresent(files, path, { directory: true });
  if (directory === null) return 0;
  try {
    return files.statOpen(directory).allocatedBytes + below(files, directory, seen, onLink);
  } finally {
    files.close(directory);
  }
}

function below(files: Files, directory: Fd, seen: Set<string>, onLink: OnLink): number {
  let total = 0;
  for (const { name } of files.list(directory)) {
    try {
      const stat = files.stat(directory, name);
      if (stat.type !== "directory" && stat.links > 1) {
        const key = `${stat.device}:${stat.inode}`;
        onLink(key, stat);
        if (seen.has(key)) continue;
        seen.add(key);
      }
      total += stat.allocatedBytes;
      if (stat.type !== "directory") continue;
      const child = files.open(directory, name, { directory: true });
      try {
        total += below(files, child, seen, onLink);
      } finally {
        files.close(child);
      }
    } catch (error) {
      // A live disk may remove a file between listing and asking. What may not be opened counts alone, as with `du`:
      // overlayfs leaves an empty directory of mode 000 in its work directory.
      if (!isErrno(error, "ENOENT", "EACCES")) throw error;
    }
  }
  return total;
}
