/** Checks a tree that comes from elsewhere: that it is whole, and says of itself what is true. */
import { digestKey, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { treeDepthMax } from "../limits.js";
import type { ObjectSource } from "../pack/chunks.js";
import { decodeList } from "./content.js";
import { readDirectory, readRoot } from "./directory.js";
import type { FileContent, TreeSums } from "./entry.js";
import { decodeNode } from "./node.js";

export interface Holdings extends ObjectSource {
  /** Bytes of an object, or null when it is not there. Told of every object of the tree. */
  lengthOf(id: Digest): number | null;
}

/**
 * Follows every object of a tree. Code `chunk_missing` when one is not there, `corrupt` when something does not agree with what
 * names it. One checker serves many trees that share objects.
 */
export class ClosureChecker {
  readonly #holdings: Holdings;
  readonly #onStep: () => void;
  /** What was found whole: the sums of directories, and the bytes below chunk lists by their levels. */
  readonly #directories = new Map<string, TreeSums>();
  readonly #contents = new Map<string, number>();

  constructor(holdings: Holdings, onStep: () => void) {
    this.#holdings = holdings;
    this.#onStep = onStep;
  }

  /** Returns the sums of the root directory. */
  check(tree: Digest): TreeSums {
    this.#require(tree);
    const root = readRoot(this.#holdings, tree);
    const waiting = [{ id: root.id, sums: root.sums, depth: 1 }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      this.#onStep();
      const { id, sums, depth } = next;
      const key = digestKey(id);
      const known = this.#directories.get(key);
      if (!sameSums(known ?? this.#node(id), sums)) {
        throw new StoreError("corrupt", `directory ${id.toString("hex")} has other sums than its entry says`);
      }
      if (known !== undefined) continue;
      if (depth > treeDepthMax) {
        throw new StoreError("corrupt", `directories are nested deeper than ${treeDepthMax}`);
      }
      this.#directories.set(key, sums);
      for (const entry of readDirectory(this.#holdings, id)) {
        if (entry.name.length === 0) throw new StoreError("corrupt", "a name below the root is empty");
        if (entry.type === "directory") waiting.push({ id: entry.id, sums: entry.sums, depth: depth + 1 });
        if (entry.type === "file" && entry.content !== null) this.#content(entry.content, entry.sizeBytes);
      }
    }
    return root.sums;
  }

  /** The sums a node states, after its parts were found to be there. */
  #node(id: Digest): TreeSums {
    this.#require(id);
    const node = decodeNode(this.#holdings.get(id));
    if (node.kind === "branch") for (const part of node.parts) this.#require(part.id);
    return node.sums;
  }

  #content({ id, depth }: FileContent, bytes: number): void {
    const key = `${depth}${digestKey(id)}`;
    let found = this.#contents.get(key);
    if (found === undefined) {
      found = depth === 0 ? this.#require(id) : this.#list(id, depth);
      if (depth > 0) this.#contents.set(key, found);
    }
    if (found !== bytes) {
      const message = `object ${id.toString("hex")} stands for ${found} bytes, not for ${bytes}`;
      throw new StoreError("corrupt", message);
    }
  }

  #list(id: Digest, depth: number): number {
    this.#onStep();
    this.#require(id);
    let total = 0;
    for (const item of decodeList(this.#holdings.get(id))) {
      total += item.length;
      if (item.kind === "hole") continue;
      if ((item.kind === "list") !== depth > 1) {
        throw new StoreError("corrupt", `chunk list ${id.toString("hex")} has other levels than it says`);
      }
      this.#content({ id: item.id, depth: depth - 1 }, item.length);
    }
    return total;
  }

  #require(id: Digest): number {
    const length = this.#holdings.lengthOf(id);
    if (length !== null) return length;
    throw new StoreError("chunk_missing", `object ${id.toString("hex")} is missing`);
  }
}

function sameSums(a: TreeSums, b: TreeSums): boolean {
  return a.files === b.files && a.directories === b.directories && a.logicalBytes === b.logicalBytes;
}
