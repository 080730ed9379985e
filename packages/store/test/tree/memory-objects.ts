import { digestKey, hash, type Digest } from "../../src/chunk/hash.js";
import { StoreError } from "../../src/errors.js";
import type { ObjectWriter } from "../../src/pack/chunks.js";

/** Objects in memory, for what is above packs and does not care where objects are. */
export class MemoryObjects implements ObjectWriter {
  readonly objects = new Map<string, Buffer>();
  deduplicatedBytes = 0;

  put(_kind: "data" | "tree", bytes: Uint8Array): Digest {
    const id = hash(bytes);
    if (this.objects.has(digestKey(id))) this.deduplicatedBytes += bytes.length;
    this.objects.set(digestKey(id), Buffer.from(bytes));
    return id;
  }

  get(id: Digest): Buffer {
    const bytes = this.objects.get(digestKey(id));
    if (bytes === undefined) throw new StoreError("chunk_missing", `${id.toString("hex")} is missing`);
    return bytes;
  }

  /** How many objects this has that the other lacks. */
  newAgainst(other: MemoryObjects): number {
    return [...this.objects.keys()].filter((key) => !other.objects.has(key)).length;
  }
}
