/**
 * Deleting by renaming: what goes to the trash is gone at once and whole, its bytes come back when the trash is emptied,
 * and whoever dies in between leaves it to the next.
 */
import { temporaryName, withDirectory } from "../platform/durable.js";
import { anywhere, isErrno, type Files } from "../platform/files.js";
import { removeTree } from "../snapshot/remove.js";

/** A label without "~" says what the thing was. Returns its name in the trash. Durable only when the caller syncs. */
export function moveToTrash(files: Files, trash: string, path: string, label: string): string {
  const name = `${label}~${temporaryName().slice(5)}`;
  files.rename(anywhere, path, anywhere, `${trash}/${name}`);
  return name;
}

export function labelOf(name: string): string {
  const end = name.indexOf("~");
  return end < 0 ? name : name.slice(0, end);
}

/** Also of what was put there under a passing name by one who died, or before a power cut. */
export function trashNames(files: Files, trash: string): string[] {
  return withDirectory(files, trash, (directory) => files.list(directory)).map(({ name }) =>
    name.toString("utf8"),
  );
}

/** Removes what stands under the names. Returns the allocated bytes that came back. */
export function removeFromTrash(files: Files, trash: string, names: string[]): number {
  let freedBytes = 0;
  if (names.length === 0) return 0;
  withDirectory(files, trash, (directory) => {
    for (const name of names) {
      try {
        removeTree(files, directory, name, (bytes) => (freedBytes += bytes));
      } catch (error) {
        // Another process empties the same trash; what it has taken is gone, what is left is for the next time.
        if (!isErrno(error, "ENOENT", "ENOTEMPTY")) throw error;
      }
    }
  });
  return freedBytes;
}

/** Removes what nothing names any more; nothing of it has to be durable, because it would be removed again. */
export function discard(files: Files, path: string, names: string[]): void {
  if (names.length === 0) return;
  withDirectory(files, path, (directory) => {
    for (const name of names) removeTree(files, directory, name);
  });
}
