/** Removes what stands under a name, whatever it is and with all that is below, never through a symlink. */
import { goneOrShut } from "../platform/allocated.js";
import { isErrno, type Fd, type Files, type Name, type Stat } from "../platform/files.js";
import { walkBelow } from "../platform/walk.js";

/** Returns how many entries were removed; 0 when there was none. `onRemoved` is told the allocated bytes of each. */
export function removeTree(
  files: Files,
  directory: Fd,
  name: Name,
  onRemoved: (allocatedBytes: number) => void = () => undefined,
): number {
  let removed = 0;
  const enter = (parent: Fd, child: Name): Fd | null => {
    const stat = statOrNull(files, parent, child);
    if (stat === null) return null;
    removed += 1;
    if (stat.type === "directory" || stat.links === 1) onRemoved(stat.allocatedBytes);
    if (stat.type === "directory") return openForRemoval(files, parent, child, stat);
    files.unlink(parent, child);
    return null;
  };
  const top = enter(directory, name);
  if (top === null) return removed;
  try {
    walkBelow(files, top, {
      enter: (parent, child) => enter(parent, child.name),
      leave: (parent, child) => files.removeDirectory(parent, child),
    });
  } finally {
    files.close(top);
  }
  files.removeDirectory(directory, name);
  return removed;
}

/** How many entries `removeTree` would remove. What may not be looked into counts as empty. */
export function countTree(files: Files, directory: Fd, name: Name): number {
  const stat = statOrNull(files, directory, name);
  if (stat?.type !== "directory") return stat === null ? 0 : 1;
  let count = 1;
  let top: Fd;
  try {
    top = files.open(directory, name, { directory: true });
  } catch (error) {
    if (!isErrno(error, ...goneOrShut)) throw error;
    return count;
  }
  try {
    walkBelow(files, top, {
      enter: (parent, child) => {
        const { type } = files.stat(parent, child.name);
        count += 1;
        return type === "directory" ? files.open(parent, child.name, { directory: true }) : null;
      },
      passOver: goneOrShut,
    });
  } finally {
    files.close(top);
  }
  return count;
}

function statOrNull(files: Files, directory: Fd, name: Name): Stat | null {
  try {
    return files.stat(directory, name);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/** A directory that its owner may not search or write is opened to him first; it is about to go. */
function openForRemoval(files: Files, directory: Fd, name: Name, { mode }: Stat): Fd {
  if ((mode & 0o700) !== 0o700) {
    try {
      files.setMode(directory, name, mode | 0o700);
    } catch (error) {
      if (!isErrno(error, "EPERM")) throw error;
    }
  }
  return files.open(directory, name, { directory: true });
}
