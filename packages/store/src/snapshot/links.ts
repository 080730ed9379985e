/**
 * A file whose other links lie outside the tree is, in the tree, an ordinary file. That is known only after the whole
 * walk, so the few directories above such files are written once more without the group.
 */
import { hash, type Digest } from "../chunk/hash.js";
import type { ObjectWriter } from "../pack/chunks.js";
import type { Stat } from "../platform/files.js";
import { readDirectory, writeDirectory } from "../tree/directory.js";
import { linkGroupBytes, type DirectoryTreeEntry, type TreeEntry } from "../tree/entry.js";
import { pathOf, type Place } from "./place.js";

export interface LinkedFile {
  group: Buffer;
  /** Of the link met first. */
  path: Buffer;
  /** Links met. */
  seen: number;
}

/** The files with several links that a walk has met. */
export class LinkGroups {
  readonly #files = new Map<string, LinkedFile>();
  readonly #base: string;

  /** `base`: the tree below an overlay upper. Links in an upper are never links to files of the layers below. */
  constructor(base: Digest | null) {
    this.#base = base?.toString("hex") ?? "";
  }

  /** The group is named after the first path in walk order, and the file's state, so that it says the same everywhere. */
  groupOf(stat: Stat, place: Place): Buffer | null {
    if (stat.links < 2) return null;
    const key = `${stat.device}:${stat.inode}`;
    const known = this.#files.get(key);
    if (known !== undefined) {
      known.seen += 1;
      return known.group;
    }
    const path = pathOf(place);
    const { sizeBytes, mtimeSeconds, mtimeNanoseconds } = stat;
    const state = `\0${sizeBytes} ${mtimeSeconds} ${mtimeNanoseconds} ${this.#base}`.trimEnd();
    const group = hash(Buffer.concat([path, Buffer.from(state)])).subarray(0, linkGroupBytes);
    this.#files.set(key, { group, path, seen: 1 });
    return group;
  }

  /** Those of which only one link was met. */
  lonely(): LinkedFile[] {
    return [...this.#files.values()].filter((file) => file.seen === 1);
  }
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
