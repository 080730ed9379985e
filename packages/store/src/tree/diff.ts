/**
 * What separates two trees, by comparing their entries. What is equal by its digest is not read, and what is equal byte for byte
 * is not decoded.
 */
import type { ObjectSource } from "../pack/chunks.js";
import { readDifferingEntries } from "./differing-entries.js";
import { readDirectory } from "./directory.js";
import type { DirectoryTreeEntry, TreeEntry } from "./entry.js";
import { sameEntryItself } from "./same.js";

export interface DifferenceCounts {
  created: number;
  changed: number;
  deleted: number;
  unchanged: number;
}

/** One name in a directory before and after; not both null. */
export interface NamePair {
  name: Buffer;
  before: TreeEntry | null;
  after: TreeEntry | null;
}

/** One path that differs. What is below a directory is not part of it. */
export interface Difference {
  path: Buffer;
  before: TreeEntry | null;
  after: TreeEntry | null;
}

export interface DifferenceOptions {
  /** Also each path below a directory that is there on one side only. Default: the directory stands for them. */
  expand?: boolean;
  /** Called once for each name that is not the same on both sides. */
  onStep?: () => void;
}

/** Pairs the entries of two directories by name, in order of names. Null stands for no directory. */
export function namePairs(
  source: ObjectSource,
  before: DirectoryTreeEntry | null,
  after: DirectoryTreeEntry | null,
): NamePair[] {
  const entries = (directory: DirectoryTreeEntry | null): TreeEntry[] =>
    directory === null ? [] : readDirectory(source, directory.id);
  return pairsOf(entries(before), entries(after));
}

/** As `namePairs`, but without entries that are the same on both sides. */
function differingPairs(
  source: ObjectSource,
  before: DirectoryTreeEntry,
  after: DirectoryTreeEntry,
): NamePair[] {
  const entries = readDifferingEntries(source, before.id, after.id);
  return pairsOf(entries.before, entries.after);
}

function pairsOf(left: TreeEntry[], right: TreeEntry[]): NamePair[] {
  const pairs: NamePair[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const a = left[l] ?? null;
    const b = right[r] ?? null;
    const order = a === null ? 1 : b === null ? -1 : a.name.compare(b.name);
    if (order <= 0) l += 1;
    if (order >= 0) r += 1;
    const name = (order <= 0 ? a : b)?.name as Buffer;
    pairs.push({ name, before: order <= 0 ? a : null, after: order >= 0 ? b : null });
  }
  return pairs;
}

/** A directory that is there on either side, being compared. */
interface Level {
  path: Buffer;
  pairs: NamePair[];
  next: number;
}

/**
 * The paths below two directories that differ, each directory before what is below it, names in the order of their bytes.
 * The directories given are not compared themselves. Takes time in proportion to the difference.
 */
export function* differences(
  source: ObjectSource,
  before: DirectoryTreeEntry | null,
  after: DirectoryTreeEntry | null,
  { expand = false, onStep }: DifferenceOptions = {},
): Generator<Difference> {
  const level = (path: Buffer, a: TreeEntry | null, b: TreeEntry | null): Level[] => {
    const left = a?.type === "directory" ? a : null;
    const right = b?.type === "directory" ? b : null;
    if (left === null && right === null) return [];
    if (left === null || right === null) {
      return expand ? [{ path, pairs: namePairs(source, left, right), next: 0 }] : [];
    }
    if (left.id.equals(right.id)) return [];
    return [{ path, pairs: differingPairs(source, left, right), next: 0 }];
  };
  // A stack of its own: how deep a tree is must not depend on the thread's stack.
  const levels = before === null && after === null ? [] : level(Buffer.alloc(0), before, after);
  for (let top = levels.at(-1); top !== undefined; top = levels.at(-1)) {
    const pair = top.pairs[top.next++];
    if (pair === undefined) {
      levels.pop();
      continue;
    }
    onStep?.();
    const { before: a, after: b } = pair;
    const path = top.path.length === 0 ? pair.name : Buffer.concat([top.path, Buffer.from("/"), pair.name]);
    if (a === null || b === null || !sameEntryItself(a, b)) yield { path, before: a, after: b };
    levels.push(...level(path, a, b));
  }
}

/** How many entries differ; the roots themselves are not counted. What replaces something of another type is `changed`. */
export function countDifferences(
  source: ObjectSource,
  before: DirectoryTreeEntry,
  after: DirectoryTreeEntry,
): DifferenceCounts {
  let created = 0;
  let changed = 0;
  let deleted = 0;
  for (const { before: a, after: b } of differences(source, before, after)) {
    if (a !== null && b !== null) changed += 1;
    else if (b !== null) created += 1;
    else deleted += 1;
    // What is below both is compared on its own.
    if (a?.type === "directory" && b?.type === "directory") continue;
    deleted += below(a);
    created += below(b);
  }
  return { created, changed, deleted, unchanged: below(after) - created - changed };
}

function below(entry: TreeEntry | null): number {
  return entry?.type === "directory" ? entry.sums.files + entry.sums.directories : 0;
}
