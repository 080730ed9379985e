/** Cuts a large directory into leaves, at places that only the names decide, or where a leaf would become too large. */
import { ByteWriter } from "../bytes.js";
import type { Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { treeLeafBytesMax, treeLeafSplitBits } from "../limits.js";
import type { ChunkWriter } from "../pack/chunks.js";
import { addSums, noSums, type TreeEntry, type TreeSums } from "./entry.js";
import { encodeBranch, encodeLeaf, type BranchPart } from "./node.js";

/** FNV-1a, 32 bits: enough to spread the cuts, and simple to state in a format. */
function nameHash(name: Buffer): number {
  let value = 0x811c9dc5;
  for (const byte of name) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

const splitMask = (1 << treeLeafSplitBits) - 1;

/** Whether a leaf ends after this name, whatever follows. */
export function endsLeaf(name: Buffer): boolean {
  return (nameHash(name) & splitMask) === 0;
}

/** No reader takes a directory in another order. */
export function requireOrder(before: Buffer | undefined, name: Buffer): void {
  if (before === undefined || before.compare(name) < 0) return;
  throw new StoreError("invalid_argument", `${JSON.stringify(name.toString())} comes out of order`);
}

export class LeafCutter {
  readonly #writer: Pick<ChunkWriter, "put">;
  readonly #parts: BranchPart[] = [];
  readonly #leaf = new ByteWriter(treeLeafBytesMax);
  /** Of the leaf that is open. */
  #lastName: Buffer | null = null;
  #nameBefore: Buffer | undefined;
  #count = 0;
  #sums = noSums();

  constructor(writer: Pick<ChunkWriter, "put">) {
    this.#writer = writer;
  }

  /** Whether the next entry begins a leaf, whatever comes. */
  get isAtCut(): boolean {
    return this.#lastName === null;
  }

  /** The next entry, in order of names. */
  add(entry: TreeEntry, encoded: Uint8Array): void {
    requireOrder(this.#nameBefore, entry.name);
    this.#nameBefore = entry.name;
    if (this.#count > 0 && this.#leaf.length + encoded.length > treeLeafBytesMax) this.#cut();
    this.#leaf.bytes(encoded);
    this.#lastName = entry.name;
    this.#count += 1;
    addSums(this.#sums, entry);
    if (endsLeaf(entry.name)) this.#cut();
  }

  /** A leaf that stands, with all its entries. Only where `isAtCut`. */
  reuse(part: BranchPart): void {
    requireOrder(this.#nameBefore, part.lastName);
    this.#nameBefore = part.lastName;
    this.#parts.push(part);
  }

  /** `sums`: of all entries. */
  finish(sums: TreeSums): Digest {
    this.#cut();
    const [only] = this.#parts;
    if (this.#parts.length === 1 && only !== undefined) return only.id;
    return this.#writer.put("tree", encodeBranch(sums, this.#parts));
  }

  #cut(): void {
    if (this.#lastName === null) return;
    const leaf = encodeLeaf(this.#sums, this.#leaf.finish(), this.#count);
    this.#parts.push({ lastName: this.#lastName, id: this.#writer.put("tree", leaf) });
    this.#leaf.reset();
    this.#lastName = null;
    this.#count = 0;
    this.#sums = noSums();
  }
}
