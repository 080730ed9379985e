/** Paths that somebody asks for by name: one that leads to nothing is a mistake to be told, not work that is done at once. */
import { StoreError } from "../errors.js";
import type { ObjectSource } from "../pack/chunks.js";
import { isErrno, type Fd, type Files } from "../platform/files.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { componentsOf, entryAt, quoted } from "../tree/path.js";

/**
 * Code `path_not_found` for a path at which there is nothing, neither in the tree nor where `isPresent` looks; code
 * `invalid_argument` for what is not a path inside a tree.
 */
export function requirePaths(
  source: ObjectSource,
  root: DirectoryTreeEntry,
  paths: readonly Uint8Array[],
  isPresent: (components: Buffer[]) => boolean,
): void {
  for (const path of paths) {
    const components = componentsOf(path);
    if (entryAt(source, root, components) !== null || isPresent(components)) continue;
    throw new StoreError("path_not_found", `there is nothing at ${quoted(path)}`, { data: { path } });
  }
}

/** Whether something stands at a path below an open directory. */
export function standsAt(files: Files, directory: Fd, components: readonly Buffer[]): boolean {
  const [name, ...below] = components;
  if (name === undefined) return true;
  try {
    if (below.length === 0) {
      files.stat(directory, name);
      return true;
    }
    const child = files.open(directory, name, { directory: true });
    try {
      return standsAt(files, child, below);
    } finally {
      files.close(child);
    }
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return false;
    throw error;
  }
}
