/** Removes what stands under a name, whatever it is and with all that is below, never through a symlink. */
import { isErrno, type Fd, type Files, type Name } from "../platform/files.js";

/** Returns how many entries were removed; 0 when there was none. `onRemoved` is told the allocated bytes of each. */
export function removeTree(
  files: Files,
  directory: Fd,
  name: Name,
  onRemoved: (allocatedBytes: number) => void = () => undefined,
): number {
  let stat;
  try {
    stat = files.stat(directory, name);
    if (stat.type === "directory" || stat.links === 1) onRemoved(stat.allocatedBytes);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0;
    throw error;
  }
  if (stat.type !== "directory") {
    files.unlink(directory, name);
    return 1;
  }
  let removed = 1;
  const child = openForRemoval(files, directory, name, stat.mode);
  try {
    for (const entry of files.list(child)) removed += removeTree(files, child, entry.name, onRemoved);
  } finally {
    files.close(child);
  }
  files.removeDirectory(directory, name);
  return removed;
}

/** How many entries `removeTree` would remove. What may not be looked into counts as empty. */
export function countTree(files: Files, directory: Fd, name: Name): number {
  let child: Fd;
  try {
    if (files.stat(directory, name).type !== "directory") return 1;
    child = files.open(directory, name, { directory: true });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0;
    if (isErrno(error, "EACCES", "EPERM")) return 1;
    throw error;
  }
  try {
    return files.list(child).reduce((total, entry) => total + countTree(files, child, entry.name), 1);
  } finally {
    files.close(child);
  }
}

/** A directory that its owner may not search or write is opened to him first; it is about to go. */
function openForRemoval(files: Files, directory: Fd, name: Name, mode: number): Fd {
  if ((mode & 0o700) !== 0o700) {
    try {
      files.setMode(directory, name, mode | 0o700);
    } catch (error) {
      if (!isErrno(error, "EPERM")) throw error;
    }
  }
  return files.open(directory, name, { directory: true });
}
