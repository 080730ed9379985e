/**
 * Deleting by renaming: what goes to the trash is gone at once and whole, its bytes come back when the trash is emptied,
 * and whoever dies in between leaves it to the next.
 */
import { namesIn, syncDirectory, withDirectory } from "../platform/durable.js";
import { anywhere, isErrno, type Files } from "../platform/files.js";
import { temporaryName } from "../platform/durable.js";
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

export function trashNames(files: Files, trash: string): string[] {
  return namesIn(files, trash);
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

/** Renames, makes that durable in both directories, and removes. */
export function discard(
  files: Files,
  trash: string,
  directory: string,
  names: string[],
  label: string,
): number {
  if (names.length === 0) return 0;
  const trashed = names.map((name) => moveToTrash(files, trash, `${directory}/${name}`, label));
  syncDirectory(files, trash);
  syncDirectory(files, directory);
  return removeFromTrash(files, trash, trashed);
}
