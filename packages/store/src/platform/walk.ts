/**
 * Walks whatever is below a directory. Who makes directories decides how deep they are, so the stack is the walk's own, and of the
 * directories on the way down only the deepest are open: one above is opened again as `..` of the one below, and must be what it was.
 */
import { StoreError } from "../errors.js";
import { isErrno, type DirectoryEntry, type Fd, type Files } from "./files.js";

/** Directories open at a time. Hardly any tree that people make is deeper, so hardly anything is opened twice. */
const openMax = 32;

export interface Visit {
  /**
   * Told of each entry; `depth` is 0 right below the root. Gives a directory to be walked next, open; the walk closes it. Null: there is
   * nothing to walk.
   */
  enter: (directory: Fd, entry: DirectoryEntry, depth: number) => Fd | null;
  /** When all below an entry that was entered is done: its directory, and its name there. */
  leave?: (directory: Fd, name: Buffer) => void;
  /** Errors of `enter`, and of listing what it gave, for which an entry is passed over. */
  passOver?: readonly string[];
}

interface Level {
  name: Buffer;
  fd: Fd;
  /** Null while it is open; else by what it is known again. */
  closed: string | null;
  entries: DirectoryEntry[];
  position: number;
}

/** `root` stays open. Code `io_error` when a directory that the walk is in was moved meanwhile. */
export function walkBelow(files: Files, root: Fd, visit: Visit): void {
  const { enter, leave, passOver = [] } = visit;
  const top = listed(files, root, Buffer.alloc(0));
  const levels = [top];
  try {
    for (;;) {
      const level = levels.at(-1) as Level;
      const entry = level.entries[level.position++];
      if (entry !== undefined) {
        const below = passingOver(passOver, () => {
          const fd = enter(level.fd, entry, levels.length - 1);
          return fd === null ? null : entered(files, fd, entry.name);
        });
        if (below === null) continue;
        levels.push(below);
        const last = levels[levels.length - 1 - openMax];
        if (last !== undefined && last !== top) close(files, last);
        continue;
      }
      if (level === top) return;
      const above = levels.at(-2) as Level;
      if (above.closed !== null) reopen(files, above, level.fd);
      levels.pop();
      files.close(level.fd);
      leave?.(above.fd, level.name);
    }
  } finally {
    for (const level of levels) if (level !== top && level.closed === null) files.close(level.fd);
  }
}

function passingOver<Result>(errnos: readonly string[], run: () => Result): Result | null {
  try {
    return run();
  } catch (error) {
    if (!isErrno(error, ...errnos)) throw error;
    return null;
  }
}

function listed(files: Files, fd: Fd, name: Buffer): Level {
  return { name, fd, closed: null, entries: files.list(fd), position: 0 };
}

/** Takes over the descriptor. */
function entered(files: Files, fd: Fd, name: Buffer): Level {
  try {
    return listed(files, fd, name);
  } catch (error) {
    files.close(fd);
    throw error;
  }
}

function identity(files: Files, fd: Fd): string {
  const { device, inode } = files.statOpen(fd);
  return `${device}:${inode}`;
}

function close(files: Files, level: Level): void {
  level.closed = identity(files, level.fd);
  files.close(level.fd);
}

function reopen(files: Files, level: Level, below: Fd): void {
  const fd = files.open(below, "..", { directory: true });
  if (identity(files, fd) !== level.closed) {
    files.close(fd);
    throw new StoreError("io_error", "a directory was moved while it was walked");
  }
  level.fd = fd;
  level.closed = null;
}
