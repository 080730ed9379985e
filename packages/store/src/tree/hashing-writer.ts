/** Takes the tree of a walk without storing anything: content is only hashed, tree nodes stay in memory. */
import { digestKey, hash, type Digest } from "../chunk/hash.js";
import type { ObjectSource, ObjectWriter } from "../pack/chunks.js";
import type { PackKind } from "../pack/format.js";
import type { ObjectUse } from "../pack/reader.js";

export class HashingWriter implements ObjectWriter {
  readonly deduplicatedBytes = 0;
  readonly #below: ObjectSource;
  readonly #nodes = new Map<string, Buffer>();

  /** What is not in memory is read from `below`. */
  constructor(below: ObjectSource) {
    this.#below = below;
  }

  put(kind: PackKind, bytes: Uint8Array): Digest {
    const id = hash(bytes);
    if (kind === "tree") this.#nodes.set(digestKey(id), Buffer.from(bytes));
    return id;
  }

  get(id: Digest, use?: ObjectUse): Buffer {
    return this.#nodes.get(digestKey(id)) ?? this.#below.get(id, use);
  }
}
