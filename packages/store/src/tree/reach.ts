/** Which objects a tree consists of. */
import { digestKey, type Digest } from "../chunk/hash.js";
import type { ObjectSource } from "../pack/chunks.js";
import { decodeList } from "./content.js";
import type { FileContent, TreeEntry } from "./entry.js";
import { decodeNode } from "./node.js";

/** Adds every object reachable from a tree to `live`, keyed by `digestKey`. What is in `live` already is not descended into. */
export function markTree(source: ObjectSource, tree: Digest, live: Set<string>): void {
  if (!mark(live, tree)) return;
  const node = decodeNode(source.get(tree));
  if (node.kind === "branch") for (const part of node.parts) markTree(source, part.id, live);
  else for (const entry of node.entries) markEntry(source, entry, live);
}

function markEntry(source: ObjectSource, entry: TreeEntry, live: Set<string>): void {
  if (entry.type === "directory") markTree(source, entry.id, live);
  else if (entry.type === "file" && entry.content !== null) markContent(source, entry.content, live);
}

function markContent(source: ObjectSource, content: FileContent, live: Set<string>): void {
  if (!mark(live, content.id) || content.depth === 0) return;
  for (const item of decodeList(source.get(content.id))) {
    if (item.kind === "chunk") mark(live, item.id);
    else if (item.kind === "list") markContent(source, { depth: content.depth - 1, id: item.id }, live);
  }
}

/** True when it was not marked before. */
function mark(live: Set<string>, id: Digest): boolean {
  const before = live.size;
  live.add(digestKey(id));
  return live.size > before;
}
