/** Small files of the store: written so that a power cut leaves each whole or absent, and read. */
import { StoreError } from "../errors.js";
import { cacheBytesMax, smallFileBytesMax } from "../limits.js";
import { anywhere, isErrno, type Fd, type Files, type OpenOptions, type Stat } from "./files.js";

/** Opens a directory, runs, and closes it whatever happens. */
export function withDirectory<Result>(
  files: Files,
  path: string,
  run: (directory: Fd) => Result,
  options: Pick<OpenOptions, "follow"> = {},
): Result {
  const directory = files.open(anywhere, path, { ...options, directory: true });
  try {
    return run(directory);
  } finally {
    files.close(directory);
  }
}

/** Makes the names in a directory durable. */
export function syncDirectory(files: Files, path: string): void {
  withDirectory(files, path, (directory) => files.sync(directory));
}

/** The same for several. To be called when all names are given: a journal commits them together, and only the first waits. */
export function syncDirectories(files: Files, paths: readonly string[]): void {
  for (const path of paths) syncDirectory(files, path);
}

let temporaryCounter = 0;

/** A name for a file that is not finished; names with this prefix are swept when the store is opened for collection. */
export function temporaryName(): string {
  temporaryCounter += 1;
  return `.tmp-${process.pid}-${Date.now().toString(36)}-${temporaryCounter}-${Math.random().toString(36).slice(2, 8)}`;
}

/** Writes `directory/name` so that it holds either its old content or the new one, and is durable on return. */
export function writeDurably(files: Files, directoryPath: string, name: string, content: Uint8Array): void {
  withDirectory(files, directoryPath, (directory) => {
    createWhole(files, directory, (fd) => {
      files.write(fd, content, 0);
      return name;
    });
    files.sync(directory);
  });
}

/**
 * Makes a file that `fill` writes piece by piece, and returns its name, which may depend on what was written. Under that
 * name it is whole also after a power cut; that the name is there then is for the caller to make sure of.
 */
export function createWhole(files: Files, directory: Fd, fill: (fd: Fd) => string): string {
  const temporary = temporaryName();
  const fd = files.open(directory, temporary, { access: "create" });
  try {
    let name: string;
    try {
      name = fill(fd);
      files.sync(fd);
    } finally {
      files.close(fd);
    }
    files.rename(directory, temporary, directory, name);
    return name;
  } catch (error) {
    removeIfPresent(files, directory, temporary);
    throw error;
  }
}

/**
 * Writes a file that only saves work, whole or not at all, and without making it durable: who reads it must be able to tell
 * that it is damaged, or stale. Not being able to write it is no reason to fail.
 */
export function writeCache(files: Files, directoryPath: string, name: string, ...parts: Uint8Array[]): void {
  const temporary = `${directoryPath}/${temporaryName()}`;
  try {
    ensureDirectory(files, directoryPath);
    const fd = files.open(anywhere, temporary, { access: "create" });
    try {
      let position = 0;
      for (const part of parts) {
        files.write(fd, part, position);
        position += part.length;
      }
    } finally {
      files.close(fd);
    }
    files.rename(anywhere, temporary, anywhere, `${directoryPath}/${name}`);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    removeIfPresent(files, anywhere, temporary);
  }
}

/** Writes over the beginning of what `writeCache` wrote, if it is still there. Who reads it must be able to tell a half-written one. */
export function overwriteCache(
  files: Files,
  directoryPath: string,
  name: string,
  beginning: Uint8Array,
): void {
  try {
    const fd = openIfPresent(files, `${directoryPath}/${name}`, { access: "readwrite" });
    if (fd === null) return;
    try {
      // Under another name it may be part of a copy of the store.
      if (files.statOpen(fd).links === 1) files.write(fd, beginning, 0);
    } finally {
      files.close(fd);
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

/** Null when there is nothing under the path. */
export function statIfPresent(files: Files, path: string): Stat | null {
  try {
    return files.stat(anywhere, path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/** The same, open. */
export function openIfPresent(files: Files, path: string, options?: OpenOptions): Fd | null {
  try {
    return files.open(anywhere, path, options);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/**
 * The whole content of a file of the store, or null when there is none. Of one that is longer than any of its kind is, only a
 * byte more than that: nobody takes it for whole then, and how much memory it takes is not for the file to say.
 */
export function readWhole(files: Files, path: string, bytesMax = smallFileBytesMax): Buffer | null {
  const fd = openIfPresent(files, path);
  if (fd === null) return null;
  try {
    const content = Buffer.alloc(Math.min(files.statOpen(fd).sizeBytes, bytesMax + 1));
    return content.subarray(0, files.read(fd, content, 0));
  } finally {
    files.close(fd);
  }
}

/** What `writeCache` wrote, or null when it is not there or cannot be read: nothing may fail for want of it. */
export function readCache(files: Files, directoryPath: string, name: string): Buffer | null {
  try {
    return readWhole(files, `${directoryPath}/${name}`, cacheBytesMax);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return null;
  }
}

/** Makes a directory when it is missing. True when it was made. */
export function ensureDirectory(files: Files, path: string, mode = 0o700): boolean {
  try {
    files.makeDirectory(anywhere, path, mode);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

export function removeIfPresent(files: Files, directory: Fd, name: string | Uint8Array): boolean {
  try {
    files.unlink(directory, name);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

/** The names in a directory of the store, sorted; without unfinished ones. Empty when it is missing. */
export function namesIn(files: Files, path: string): string[] {
  try {
    return withDirectory(files, path, (directory) =>
      files
        .list(directory)
        .map((entry) => entry.name.toString("utf8"))
        .filter((name) => !name.startsWith(".tmp-"))
        .sort(),
    );
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** Those of them, in ASCII, that a pattern takes, in the filesystem's order: for directories with many names. */
export function namesMatching(files: Files, path: string, pattern: RegExp): string[] {
  try {
    return withDirectory(files, path, (directory) =>
      files.list(directory).flatMap(({ key }) => (pattern.test(key) ? [key] : [])),
    );
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
