/**
 * The entries by which two directories differ. Leaves that both have are not read, and entries that are the same byte for byte
 * are passed over undecoded. So nothing is checked of these, beyond that they are what was once stored.
 */
import type { ByteReader } from "../bytes.js";
import { digestKey, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import type { ObjectSource } from "../pack/chunks.js";
import type { TreeEntry } from "./entry.js";
import { decodeEntry, decodeNode, isLeaf, leafEntries, skipEntry } from "./node.js";

export interface DifferingEntries {
  before: TreeEntry[];
  after: TreeEntry[];
}

/** Of each directory those that the other one does not have just so, in order. */
export function readDifferingEntries(source: ObjectSource, before: Digest, after: Digest): DifferingEntries {
  const left = leavesOf(source, before);
  const right = leavesOf(source, after);
  const read = (own: Leaf[], others: Leaf[]): EntryStream => {
    const keys = new Set(others.map(({ key }) => key));
    return new EntryStream(own.filter(({ key }) => !keys.has(key)).map((leaf) => leafEntries(leaf.read())));
  };
  return differingEntries(read(left, right), read(right, left));
}

interface Leaf {
  key: string;
  read: () => Buffer;
}

/** A directory's leaves in order; a small directory is its only one. */
function leavesOf(source: ObjectSource, id: Digest): Leaf[] {
  const bytes = source.get(id);
  if (isLeaf(bytes)) return [{ key: digestKey(id), read: () => bytes }];
  const node = decodeNode(bytes);
  if (node.kind === "leaf") throw new StoreError("corrupt", "tree node is of no kind");
  return node.parts.map((part) => ({ key: digestKey(part.id), read: () => source.get(part.id) }));
}

/** The entries of one leaf after another. */
class EntryStream {
  readonly #leaves: ByteReader[];
  #next = 0;
  #current: ByteReader | null = null;
  #start = 0;
  /** The bytes of the entry at hand; null after the last. */
  bytes: Buffer | null = null;

  constructor(leaves: ByteReader[]) {
    this.#leaves = leaves;
    this.advance();
  }

  advance(): void {
    while (this.#current === null || this.#current.remaining === 0) {
      const leaf = this.#leaves[this.#next++];
      if (leaf === undefined) {
        this.bytes = null;
        return;
      }
      this.#current = leaf;
    }
    this.#start = this.#current.position;
    skipEntry(this.#current);
    this.bytes = this.#current.since(this.#start);
  }

  entry(): TreeEntry {
    const reader = this.#current as ByteReader;
    reader.rewind(this.#start);
    return decodeEntry(reader);
  }
}

function differingEntries(left: EntryStream, right: EntryStream): DifferingEntries {
  const found: DifferingEntries = { before: [], after: [] };
  while (left.bytes !== null || right.bytes !== null) {
    if (left.bytes !== null && right.bytes !== null && left.bytes.equals(right.bytes)) {
      left.advance();
      right.advance();
      continue;
    }
    const before = left.bytes && left.entry();
    const after = right.bytes && right.entry();
    const order = before === null ? 1 : after === null ? -1 : before.name.compare(after.name);
    if (before !== null && order <= 0) {
      found.before.push(before);
      left.advance();
    }
    if (after !== null && order >= 0) {
      found.after.push(after);
      right.advance();
    }
  }
  return found;
}
