/**
 * Hard links and layers: overlayfs copies a file up alone, so a file that a layer brings must come with all its links, or
 * the names would be separate files. This finds the names that a layer must bring for that reason alone.
 */
import type { ObjectSource } from "../pack/chunks.js";
import { linkKey } from "../snapshot/link-targets.js";
import { readDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { namePairs } from "../tree/diff.js";
import { sameEntry } from "../tree/same.js";

/** Names on the way to entries that must be brought along; a leaf has no children. */
export type NameTree = Map<string, NameTree>;

/** The members of `after` of every link group of which at least one member differs from `before`. Null: there are none. */
export function joinedNames(
  source: ObjectSource,
  before: DirectoryTreeEntry | null,
  after: DirectoryTreeEntry,
): NameTree | null {
  const keys = new Set<string>();
  collectKeys(source, before, after, keys);
  return keys.size === 0 ? null : membersBelow(source, after, keys);
}

function collectKeys(
  source: ObjectSource,
  before: DirectoryTreeEntry | null,
  after: DirectoryTreeEntry,
  keys: Set<string>,
): void {
  if (before?.id.equals(after.id) === true) return;
  for (const { before: a, after: b } of namePairs(source, before, after)) {
    if (b === null || (a !== null && sameEntry(a, b))) continue;
    if (b.type === "directory") {
      collectKeys(source, a?.type === "directory" ? a : null, b, keys);
      continue;
    }
    const key = linkKey(b);
    if (key !== null) keys.add(key);
  }
}

function membersBelow(
  source: ObjectSource,
  directory: DirectoryTreeEntry,
  keys: ReadonlySet<string>,
): NameTree | null {
  const names: NameTree = new Map();
  for (const entry of readDirectory(source, directory.id)) {
    const key = entry.type === "directory" ? null : linkKey(entry);
    const members =
      entry.type === "directory"
        ? membersBelow(source, entry, keys)
        : key !== null && keys.has(key)
          ? (new Map() as NameTree)
          : null;
    if (members !== null) names.set(entry.name.toString("latin1"), members);
  }
  return names.size === 0 ? null : names;
}
