/** Finds what a path inside a tree names, one component after the other; symlinks are not followed. */
import { StoreError } from "../errors.js";
import type { ObjectSource } from "../pack/chunks.js";
import { readDirectory } from "./directory.js";
import type { DirectoryTreeEntry, TreeEntry } from "./entry.js";

const slash = 0x2f;

/** The names a path consists of; none for the root. Code `invalid_argument` for what is not a path inside a tree. */
export function componentsOf(path: Uint8Array): Buffer[] {
  const bytes = Buffer.from(path.buffer, path.byteOffset, path.byteLength);
  if (bytes.length === 0) return [];
  const names: Buffer[] = [];
  for (let start = 0; start <= bytes.length;) {
    const end = bytes.indexOf(slash, start);
    names.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    start = end < 0 ? bytes.length + 1 : end + 1;
  }
  if (names.some((name) => ["", ".", ".."].includes(name.toString("latin1")) || name.includes(0))) {
    throw new StoreError("invalid_argument", `${quoted(path)} is not a path inside a tree`, {
      data: { field: "path" },
    });
  }
  return names;
}

/** Null when there is nothing at the path. */
export function entryAt(
  source: ObjectSource,
  root: DirectoryTreeEntry,
  components: readonly Buffer[],
): TreeEntry | null {
  let entry: TreeEntry = root;
  for (const name of components) {
    if (entry.type !== "directory") return null;
    const found: TreeEntry | undefined = readDirectory(source, entry.id).find((below) =>
      below.name.equals(name),
    );
    if (found === undefined) return null;
    entry = found;
  }
  return entry;
}

/** Code `path_not_found` when there is nothing at the path. */
export function lookUp(source: ObjectSource, root: DirectoryTreeEntry, path: Uint8Array): TreeEntry {
  const entry = entryAt(source, root, componentsOf(path));
  if (entry !== null) return entry;
  throw new StoreError("path_not_found", `there is nothing at ${quoted(path)}`, { data: { path } });
}

export function quoted(path: Uint8Array): string {
  return JSON.stringify(Buffer.from(path).toString("utf8"));
}
