/**
 * A stored directory of which another one is made that differs in some names. Of a large one only the leaves are read and
 * written in which these names are or would be.
 */
import { ByteWriter } from "../bytes.js";
import type { Digest } from "../chunk/hash.js";
import { treeLeafBytesMax } from "../limits.js";
import type { ChunkWriter, ObjectSource } from "../pack/chunks.js";
import { writeDirectory } from "./directory.js";
import { addSums, type TreeEntry, type TreeSums } from "./entry.js";
import { endsLeaf, LeafCutter } from "./leaf-cutter.js";
import { decodeNode, decodePart, encodeEntry, leafEntries, type BranchPart, type LeafNode } from "./node.js";

/** What becomes of one name: its entry, or null when it is to be gone. */
export interface NameChange {
  name: Buffer;
  entry: TreeEntry | null;
}

interface Leaf extends LeafNode {
  /** Of the entries, encoded. */
  entriesBytes: number;
}

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
    const node = decodeNode(bytes);
    this.#sums = node.sums;
    this.#isBranch = node.kind === "branch";
    this.#parts =
      node.kind === "branch" ? node.parts : [{ lastName: node.entries.at(-1)?.name ?? Buffer.alloc(0), id }];
    if (node.kind === "leaf") this.#leaves.set(0, { ...node, entriesBytes: leafEntries(bytes).remaining });
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
    if (!this.#isBranch) return writeDirectory(writer, changed(this.#leaf(0).entries, changes));
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
      takeSums(sums, leaf.sums);
      removedBytes += leaf.entriesBytes;
      for (const entry of changed(leaf.entries, own)) {
        scratch.reset();
        encodeEntry(scratch, entry);
        const encoded = scratch.finish();
        addedBytes += encoded.length;
        addSums(sums, entry);
        cutter.add(entry, encoded);
      }
    });
    // It was larger than one leaf may be.
    if (addedBytes >= removedBytes || this.#fillsLeaf(addedBytes, reused))
      return { id: cutter.finish(sums), sums };
    const all = this.#parts.flatMap((_part, number) => this.#leaf(number).entries);
    return writeDirectory(writer, changed(all, changes));
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
    const leaf = { ...decodePart(bytes, part), entriesBytes: leafEntries(bytes).remaining };
    this.#leaves.set(number, leaf);
    return leaf;
  }
}

/** Both are in order of names. */
function changed(entries: readonly TreeEntry[], changes: readonly NameChange[]): TreeEntry[] {
  const result: TreeEntry[] = [];
  let next = 0;
  for (const { name, entry } of changes) {
    for (let one = entries[next]; one !== undefined && one.name.compare(name) < 0; one = entries[++next])
      result.push(one);
    if (entries[next]?.name.equals(name) === true) next += 1;
    if (entry !== null) result.push(entry);
  }
  return [...result, ...entries.slice(next)];
}

function takeSums(total: TreeSums, part: TreeSums): void {
  total.files -= part.files;
  total.directories -= part.directories;
  total.logicalBytes -= part.logicalBytes;
}
