/**
 * Whole directories over tree nodes. A directory whose entries encode to at most 64 KiB is one leaf. A larger one is cut
 * into leaves at places that only the names decide, so that a change in one place leaves the other leaves as they are.
 */
import { ByteWriter } from "../bytes.js";
import { hash, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { treeLeafBytesMax } from "../limits.js";
import type { ChunkWriter, ObjectSource } from "../pack/chunks.js";
import type { PackKind } from "../pack/format.js";
import { requireObject, type Holdings } from "./content-checker.js";
import {
  addSums,
  noSums,
  sameSums,
  type DirectoryTreeEntry,
  type TreeEntry,
  type TreeSums,
} from "./entry.js";
import { LeafCutter, requireOrder } from "./leaf-cutter.js";
import { decodeNode, decodePart, encodeEntry, encodeLeaf } from "./node.js";

/** Stores a directory. The entries must be sorted by their raw names, without repetition: code `invalid_argument`. */
export function writeDirectory(
  writer: Pick<ChunkWriter, "put">,
  entries: TreeEntry[],
): { id: Digest; sums: TreeSums } {
  const sums = noSums();
  const out = new ByteWriter(4096);
  const ends: number[] = [];
  for (const [n, entry] of entries.entries()) {
    requireOrder(entries[n - 1]?.name, entry.name);
    encodeEntry(out, entry);
    ends.push(out.length);
    addSums(sums, entry);
  }
  const encoded = out.finish();
  if (encoded.length <= treeLeafBytesMax) {
    return { id: writer.put("tree", encodeLeaf(sums, encoded, entries.length)), sums };
  }
  const cutter = new LeafCutter(writer);
  entries.forEach((entry, n) => cutter.add(entry, encoded.subarray(ends[n - 1] ?? 0, ends[n])));
  return { id: cutter.finish(sums), sums };
}

/** All entries of a directory, sorted by name. */
export function readDirectory(source: ObjectSource, id: Digest): TreeEntry[] {
  const node = decodeNode(source.get(id));
  if (node.kind === "leaf") return node.entries;
  const entries: TreeEntry[] = [];
  const sums = noSums();
  for (const part of node.parts) {
    const leaf = decodePart(source.get(part.id), part);
    const before = entries.at(-1);
    if (before !== undefined && before.name.compare((leaf.entries[0] as TreeEntry).name) >= 0) {
      throw new StoreError("corrupt", "leaves of a tree branch are not in order");
    }
    for (const entry of leaf.entries) {
      addSums(sums, entry);
      entries.push(entry);
    }
  }
  if (!sameSums(sums, node.sums)) {
    throw new StoreError("corrupt", "sums of a tree branch do not match its leaves");
  }
  return entries;
}

export interface DirectoryNode {
  sums: TreeSums;
  entries: TreeEntry[];
}

/** A directory below a root, of which nothing is taken on trust: code `corrupt` also when it is cut in other places than it should be. */
export function readNode(source: Holdings, id: Digest): DirectoryNode {
  const bytes = requireObject(source, id);
  const node = decodeNode(source.get(id));
  if (node.kind === "branch") for (const part of node.parts) requireObject(source, part.id);
  const entries = node.kind === "leaf" ? node.entries : readDirectory(source, id);
  if (entries[0]?.name.length === 0) throw new StoreError("corrupt", "a name below the root is empty");
  const mayBeCutWrong = node.kind === "branch" || bytes > treeLeafBytesMax;
  if (mayBeCutWrong && !writeDirectory(hashing, entries).id.equals(id)) {
    throw new StoreError("corrupt", `directory ${id.toString("hex")} is cut in the wrong places`);
  }
  return { sums: node.sums, entries };
}

const hashing = { put: (_kind: PackKind, bytes: Uint8Array): Digest => hash(bytes) };

const rootName = Buffer.alloc(0);

/** A tree id names the root directory with its own mode, owner and times: a node whose only entry has the empty name. */
export function writeRoot(writer: Pick<ChunkWriter, "put">, root: DirectoryTreeEntry): Digest {
  return writeDirectory(writer, [{ ...root, name: rootName }]).id;
}

export function readRoot(source: ObjectSource, tree: Digest): DirectoryTreeEntry {
  const [root, ...others] = readDirectory(source, tree);
  if (root === undefined || root.type !== "directory" || root.name.length > 0 || others.length > 0) {
    throw new StoreError("corrupt", `object ${tree.toString("hex")} is not the root of a tree`);
  }
  return root;
}
