/** Which objects a tree consists of. */
import { digestKey, type Digest } from "../chunk/hash.js";
import type { ObjectSource } from "../pack/chunks.js";
import type { PackKind } from "../pack/format.js";
import { decodeList } from "./content.js";
import { decodeNode } from "./node.js";

export interface ReachedObject {
  kind: PackKind;
  id: Digest;
}

/** An object and what it is met as: a tree node (depth null), or content with its levels of lists. */
export interface MetObject {
  id: Digest;
  depth: number | null;
}

/**
 * Every object of a tree that is not in `seen` yet, and adds it there, keyed by `digestKey`. An object comes before those that it
 * names. What was looked into before is not looked into again: `seen` remembers this by a longer key, because an object may
 * also be met as something else. A file can have the bytes of a tree node, and must not hide what the node names.
 */
export function* reachableObjects(
  source: ObjectSource,
  tree: Digest,
  seen: Set<string>,
): Generator<ReachedObject> {
  // A stack of its own: how deep a tree is must not depend on the thread's stack.
  const waiting: MetObject[] = [{ id: tree, depth: null }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { id, depth } = next;
    const key = digestKey(id);
    if (added(seen, key)) yield { kind: depth === 0 ? "data" : "tree", id };
    if (depth === 0 || !added(seen, `${key} ${depth ?? "node"}`)) continue;
    const below = namedBy(source, next);
    // Backwards, so that they come off the stack in their own order, which is the order they are read in.
    for (let n = below.length - 1; n >= 0; n--) waiting.push(below[n] as MetObject);
  }
}

/** True when it was not there before. */
function added(set: Set<string>, key: string): boolean {
  const before = set.size;
  return set.add(key).size > before;
}

/** What an object names, as often as it does. */
export function namedBy(source: ObjectSource, { id, depth }: MetObject): MetObject[] {
  if (depth === 0) return [];
  return depth === null ? belowNode(source, id) : belowList(source, id, depth);
}

function belowNode(source: ObjectSource, id: Digest): MetObject[] {
  const node = decodeNode(source.get(id));
  if (node.kind === "branch") return node.parts.map((part) => ({ id: part.id, depth: null }));
  const below: MetObject[] = [];
  for (const entry of node.entries) {
    if (entry.type === "directory") below.push({ id: entry.id, depth: null });
    else if (entry.type === "file" && entry.content !== null) below.push(entry.content);
  }
  return below;
}

function belowList(source: ObjectSource, id: Digest, depth: number): MetObject[] {
  const below: MetObject[] = [];
  for (const item of decodeList(source.get(id))) {
    if (item.kind === "chunk") below.push({ id: item.id, depth: 0 });
    else if (item.kind === "list") below.push({ id: item.id, depth: Math.max(1, depth - 1) });
  }
  return below;
}

/** Adds every object reachable from a tree to `live`. What is in `live` already is not descended into. */
export function markTree(source: ObjectSource, tree: Digest, live: Set<string>): void {
  const objects = reachableObjects(source, tree, live);
  while (objects.next().done !== true);
}
