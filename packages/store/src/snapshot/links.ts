/**
 * A file whose other links lie outside the tree is, in the tree, an ordinary file. That is known only after the whole
 * walk, so the few directories above such files are written once more without the group.
 */
import type { ObjectWriter } from "../pack/chunks.js";
import { readDirectory, writeDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry, TreeEntry } from "../tree/entry.js";

export interface LinkedFile {
  group: Buffer;
  /** Of the link met first. */
  path: Buffer;
  /** Links met. */
  seen: number;
}

/** Names on the way to lonely files; a leaf has no children. */
type PathTree = Map<string, PathTree>;

function pathTree(paths: Buffer[]): PathTree {
  const root: PathTree = new Map();
  for (const path of paths) {
    let node = root;
    for (const name of path.toString("latin1").split("/")) {
      const child = node.get(name) ?? new Map<string, PathTree>();
      node.set(name, child);
      node = child;
    }
  }
  return root;
}

export function dropLonelyGroups(
  writer: ObjectWriter,
  root: DirectoryTreeEntry,
  lonely: LinkedFile[],
): DirectoryTreeEntry {
  return rewrite(writer, root, pathTree(lonely.map((file) => file.path)));
}

function rewrite(writer: ObjectWriter, directory: DirectoryTreeEntry, paths: PathTree): DirectoryTreeEntry {
  const entries = readDirectory(writer, directory.id).map((entry): TreeEntry => {
    const below = paths.get(entry.name.toString("latin1"));
    if (below === undefined) return entry;
    return entry.type === "directory" ? rewrite(writer, entry, below) : { ...entry, linkGroup: null };
  });
  return { ...directory, ...writeDirectory(writer, entries) };
}
