/** How long each of many objects is, without an object for any of them: about 44 bytes each. */
import { DigestSet } from "./digest-set.js";
import type { Digest } from "./hash.js";

export class DigestLengths {
  readonly #ids = new DigestSet();
  #lengths = new Uint32Array(1024);

  get size(): number {
    return this.#ids.size;
  }

  has(id: Digest): boolean {
    return this.#ids.has(id);
  }

  /** Null for what is not among them. */
  get(id: Digest): number | null {
    const number = this.#ids.numberOf(id);
    return number < 0 ? null : (this.#lengths[number] as number);
  }

  set(id: Digest, length: number): void {
    this.#ids.add(id);
    if (this.#ids.size > this.#lengths.length) {
      const lengths = new Uint32Array(2 * this.#lengths.length);
      lengths.set(this.#lengths);
      this.#lengths = lengths;
    }
    this.#lengths[this.#ids.numberOf(id)] = length;
  }
}
