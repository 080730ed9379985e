/** Checks that the content of files is there, and as long as is said of it. */
import { digestKey, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { chunkBytesMax } from "../limits.js";
import type { ObjectSource } from "../pack/chunks.js";
import { decodeList, isCutRight } from "./content.js";
import type { FileContent } from "./entry.js";

export interface Holdings extends ObjectSource {
  /** Bytes of an object, or null when it is not there. Told of every object that is needed. */
  lengthOf(id: Digest): number | null;
}

/** Code `chunk_missing`. Returns the bytes of the object. */
export function requireObject(holdings: Holdings, id: Digest): number {
  const length = holdings.lengthOf(id);
  if (length !== null) return length;
  throw new StoreError("chunk_missing", `object ${id.toString("hex")} is missing`);
}

/** One checker serves many files that share objects. */
export class ContentChecker {
  readonly #holdings: Holdings;
  readonly #onStep: () => void;
  /** What was found whole: the bytes below chunk lists by their levels. */
  readonly #known = new Map<string, number>();

  constructor(holdings: Holdings, onStep: () => void) {
    this.#holdings = holdings;
    this.#onStep = onStep;
  }

  /** Code `chunk_missing` when an object is not there, `corrupt` when it is another length than `bytes`, or not as it should be. */
  check({ id, depth }: FileContent, bytes: number): void {
    if (depth === 0 && bytes > chunkBytesMax) throw new StoreError("corrupt", `chunk of ${bytes} bytes`);
    this.#check(id, depth, bytes, { isRoot: true, isLast: true });
  }

  #check(id: Digest, depth: number, bytes: number, place: Place): void {
    const key = `${depth}${place.isRoot ? "r" : place.isLast ? "l" : ""} ${digestKey(id)}`;
    let found = this.#known.get(key);
    if (found === undefined) {
      found = depth === 0 ? requireObject(this.#holdings, id) : this.#list(id, depth, place);
      if (depth > 0) this.#known.set(key, found);
    }
    if (found !== bytes) {
      const message = `object ${id.toString("hex")} stands for ${found} bytes, not for ${bytes}`;
      throw new StoreError("corrupt", message);
    }
  }

  #list(id: Digest, depth: number, { isRoot, isLast }: Place): number {
    this.#onStep();
    requireObject(this.#holdings, id);
    const items = decodeList(this.#holdings.get(id));
    const [first] = items;
    // What one object can say needs no list.
    const isNeeded = !isRoot || items.length > 1 || first?.kind === "hole";
    if (!isNeeded || !isCutRight(items, isLast)) {
      throw new StoreError("corrupt", `chunk list ${id.toString("hex")} is cut in the wrong places`);
    }
    let total = 0;
    for (const [n, item] of items.entries()) {
      total += item.length;
      if (item.kind === "hole" && depth === 1) continue;
      if (item.kind !== (depth > 1 ? "list" : "chunk")) {
        throw new StoreError("corrupt", `chunk list ${id.toString("hex")} has other levels than it says`);
      }
      this.#check(item.id, depth - 1, item.length, {
        isRoot: false,
        isLast: isLast && n === items.length - 1,
      });
    }
    return total;
  }
}

/** Of a list among those of its level. */
interface Place {
  isRoot: boolean;
  isLast: boolean;
}
