/**
 * A stored directory of which another one is made that differs in some names. Of a large one only the leaves are read and
 * written in which these names are or would be.
 */
import { ByteWriter } from "../bytes.js";
import type { Digest } from "../chunk/hash.js";
import { treeLeafBytesMax } from "../limits.js";
import type { ChunkWriter, ObjectSource } from "../pack/chunks.js";
import { writeDirectory } from "./directory.js";
import { addSums, noSums, type TreeEntry, type TreeSums } from "./entry.js";
import { endsLeaf, LeafCutter } from "./leaf-cutter.js";
import {
  decodeNode,
  decodePart,
  encodeEntry,
  encodeLeaf,
  leafEntries,
  type BranchPart,
  type LeafNode,
} from "./node.js";

/** Room for some more entries, before the memory has to grow. */
const addedBytesExpected = 4096;

/** What becomes of one name: its entry, or null when it is to be gone. */
export interface NameChange {
  name: Buffer;
  entry: TreeEntry | null;
}

interface Leaf extends LeafNode {
  bytes: Buffer;
  /** Where in the bytes the first entry begins, and where each ends: what stays of a leaf is copied as it is encoded. */
  edges: number[];
}

/** What a leaf is made of after changes, in order: the entries of it from one to before another, which stay, or one that comes or goes. */
type Piece = { kept: { from: number; to: number } } | { added: TreeEntry } | { removed: TreeEntry };

export class BaseDirectory {
  readonly #source: ObjectSource;
  readonly #sums: TreeSums;
  readonly #isBranch: boolean;
  readonly #parts: readonly BranchPart[];
  /** Those that were read. */
  readonly #leaves = new Map<number, Leaf>();
  /** Where the last name that was asked for is. */
  #part = 0;
  #next = 0;

  constructor(source: ObjectSource, id: Digest) {
    this.#source = source;
    const bytes = source.get(id);
    const ends: number[] = [];
    const node = decodeNode(bytes, ends);
    this.#sums = node.sums;
    this.#isBranch = node.kind === "branch";
    this.#parts =
      node.kind === "branch" ? node.parts : [{ lastName: node.entries.at(-1)?.name ?? Buffer.alloc(0), id }];
    if (node.kind === "leaf") this.#leaves.set(0, { ...node, bytes, edges: edgesOf(bytes, ends) });
  }

  /** Null when there is nothing of this name. Each name must come after the one before it. */
  find(name: Buffer): TreeEntry | null {
    const part = this.#partOf(name, this.#part);
    if (part !== this.#part) this.#next = 0;
    this.#part = part;
    const { entries } = this.#leaf(part);
    for (; ; this.#next++) {
      const entry = entries[this.#next];
      const order = entry?.name.compare(name) ?? 1;
      if (order >= 0) return order === 0 ? (entry as TreeEntry) : null;
    }
  }

  /** Stores what it is after the changes, which are in order of names: the same as `writeDirectory` of all its entries then. */
  change(writer: Pick<ChunkWriter, "put">, changes: readonly NameChange[]): { id: Digest; sums: TreeSums } {
    if (!this.#isBranch) return this.#changeLeaf(writer, this.#leaf(0), changes);
    const cutter = new LeafCutter(writer);
    const scratch = new ByteWriter();
    const sums = { ...this.#sums };
    const reused: BranchPart[] = [];
    let addedBytes = 0;
    let removedBytes = 0;
    const changesIn = this.#byPart(changes);
    this.#parts.forEach((part, number) => {
      const own = changesIn[number] ?? [];
      // A leaf that ended because the next entry was too much for it ends elsewhere when that entry is another.
      const endMoves = (changesIn[number + 1] ?? []).length > 0 && !endsLeaf(part.lastName);
      if (own.length === 0 && !endMoves && cutter.isAtCut) {
        cutter.reuse(part);
        reused.push(part);
        return;
      }
      const leaf = this.#leaf(number);
      removedBytes += entriesBytes(leaf);
      const add = (entry: TreeEntry, encoded: Uint8Array): void => {
        addedBytes += encoded.length;
        cutter.add(entry, encoded);
      };
      for (const piece of pieces(leaf.entries, own)) {
        if ("kept" in piece)
          for (let n = piece.kept.from; n < piece.kept.to; n++)
            add(leaf.entries[n] as TreeEntry, encodedEntries(leaf, n, n + 1));
        else if ("added" in piece) {
          scratch.reset();
          encodeEntry(scratch, piece.added);
          add(piece.added, scratch.finish());
          addSums(sums, piece.added);
        } else takeEntry(sums, piece.removed);
      }
    });
    // It was larger than one leaf may be.
    if (addedBytes >= removedBytes || this.#fillsLeaf(addedBytes, reused))
      return { id: cutter.finish(sums), sums };
    const all = this.#parts.flatMap((_part, number) => this.#leaf(number).entries);
    return writeDirectory(writer, changed(all, changes));
  }

  #changeLeaf(
    writer: Pick<ChunkWriter, "put">,
    leaf: Leaf,
    changes: readonly NameChange[],
  ): { id: Digest; sums: TreeSums } {
    const out = new ByteWriter(leaf.bytes.length + addedBytesExpected);
    const sums = { ...leaf.sums };
    let count = 0;
    for (const piece of pieces(leaf.entries, changes)) {
      if ("kept" in piece) {
        const { from, to } = piece.kept;
        out.bytes(encodedEntries(leaf, from, to));
        count += to - from;
      } else if ("added" in piece) {
        encodeEntry(out, piece.added);
        addSums(sums, piece.added);
        count += 1;
      } else takeEntry(sums, piece.removed);
    }
    if (out.length > treeLeafBytesMax) return writeDirectory(writer, changed(leaf.entries, changes));
    return { id: writer.put("tree", encodeLeaf(sums, out.finish(), count)), sums };
  }

  /** Those that belong into each part. */
  #byPart(changes: readonly NameChange[]): NameChange[][] {
    const result: NameChange[][] = this.#parts.map(() => []);
    let part = 0;
    for (const change of changes) {
      part = this.#partOf(change.name, part);
      result[part]?.push(change);
    }
    return result;
  }

  /** Whether the entries of these leaves and as many bytes of others are more than one leaf may hold. */
  #fillsLeaf(otherBytes: number, parts: readonly BranchPart[]): boolean {
    let bytes = otherBytes;
    for (const { id } of parts) {
      if (bytes > treeLeafBytesMax) return true;
      bytes += leafEntries(this.#source.get(id)).remaining;
    }
    return bytes > treeLeafBytesMax;
  }

  /** The part in which a name is or would be, from `first` on. */
  #partOf(name: Buffer, first: number): number {
    let part = first;
    const last = this.#parts.length - 1;
    while (part < last && (this.#parts[part] as BranchPart).lastName.compare(name) < 0) part += 1;
    return part;
  }

  #leaf(number: number): Leaf {
    const known = this.#leaves.get(number);
    if (known !== undefined) return known;
    const part = this.#parts[number] as BranchPart;
    const bytes = this.#source.get(part.id);
    const ends: number[] = [];
    const leaf = { ...decodePart(bytes, part, ends), bytes, edges: edgesOf(bytes, ends) };
    this.#leaves.set(number, leaf);
    return leaf;
  }
}

function edgesOf(bytes: Buffer, ends: number[]): number[] {
  return [ends.length === 0 ? bytes.length : leafEntries(bytes).position, ...ends];
}

function encodedEntries({ bytes, edges }: Leaf, from: number, to: number): Buffer {
  return bytes.subarray(edges[from], edges[to]);
}

function entriesBytes({ bytes, edges }: Leaf): number {
  return bytes.length - (edges[0] as number);
}

/** Both are in order of names. */
function* pieces(entries: readonly TreeEntry[], changes: readonly NameChange[]): Generator<Piece> {
  let from = 0;
  let to = 0;
  for (const { name, entry } of changes) {
    let order = 1;
    for (; to < entries.length; to++) {
      order = (entries[to] as TreeEntry).name.compare(name);
      if (order >= 0) break;
    }
    const present = to < entries.length && order === 0 ? (entries[to] as TreeEntry) : null;
    if (present === null && entry === null) continue;
    if (to > from) yield { kept: { from, to } };
    if (present !== null) {
      yield { removed: present };
      to += 1;
    }
    from = to;
    if (entry !== null) yield { added: entry };
  }
  if (entries.length > from) yield { kept: { from, to: entries.length } };
}

function changed(entries: readonly TreeEntry[], changes: readonly NameChange[]): TreeEntry[] {
  return [...pieces(entries, changes)].flatMap((piece) => {
    if ("kept" in piece) return entries.slice(piece.kept.from, piece.kept.to);
    return "added" in piece ? [piece.added] : [];
  });
}

function takeEntry(total: TreeSums, entry: TreeEntry): void {
  const part = noSums();
  addSums(part, entry);
  total.files -= part.files;
  total.directories -= part.directories;
  total.logicalBytes -= part.logicalBytes;
}
