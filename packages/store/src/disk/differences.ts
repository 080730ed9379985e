/** What separates two trees, by comparing their entries; directories with equal ids are not looked into. */
import { ByteWriter } from "../bytes.js";
import type { ObjectSource } from "../pack/chunks.js";
import { readDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry, TreeEntry } from "../tree/entry.js";
import { encodeEntry } from "../tree/node.js";

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

export function sameEntry(a: TreeEntry, b: TreeEntry): boolean {
  return encoded(a).equals(encoded(b));
}

function encoded(entry: TreeEntry): Buffer {
  const out = new ByteWriter(256);
  encodeEntry(out, entry);
  return out.finish();
}

/** Pairs the entries of two directories by name, in order of names. Null stands for no directory. */
export function namePairs(
  source: ObjectSource,
  before: DirectoryTreeEntry | null,
  after: DirectoryTreeEntry | null,
): NamePair[] {
  const left = before === null ? [] : readDirectory(source, before.id);
  const right = after === null ? [] : readDirectory(source, after.id);
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

/** How many entries differ; the roots themselves are not counted. What replaces something of another type is `changed`. */
export function countDifferences(
  source: ObjectSource,
  before: DirectoryTreeEntry | null,
  after: DirectoryTreeEntry | null,
): DifferenceCounts {
  const counts: DifferenceCounts = { created: 0, changed: 0, deleted: 0, unchanged: 0 };
  count(source, before, after, counts);
  return counts;
}

function below(entry: TreeEntry | null): number {
  return entry?.type === "directory" ? entry.sums.files + entry.sums.directories : 0;
}

function count(
  source: ObjectSource,
  before: DirectoryTreeEntry | null,
  after: DirectoryTreeEntry | null,
  counts: DifferenceCounts,
): void {
  if (before !== null && after !== null && before.id.equals(after.id)) {
    counts.unchanged += below(after);
    return;
  }
  for (const pair of namePairs(source, before, after)) {
    const { before: a, after: b } = pair;
    if (a === null) counts.created += 1 + below(b);
    else if (b === null) counts.deleted += 1 + below(a);
    else if (a.type === "directory" && b.type === "directory") {
      counts[sameEntry({ ...a, id: b.id, sums: b.sums }, b) ? "unchanged" : "changed"] += 1;
      count(source, a, b, counts);
    } else {
      counts[sameEntry(a, b) ? "unchanged" : "changed"] += 1;
      counts.deleted += below(a);
      counts.created += below(b);
    }
  }
}
