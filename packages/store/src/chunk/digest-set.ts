/** A set of digests without an object a member: words in one array, found through a table of places (open addressing). */
import { digestBytes, type Digest } from "./hash.js";

const digestWords = digestBytes / 4;
const membersAtFirst = 1024;

export class DigestSet {
  #count = 0;
  #words = new Uint32Array(membersAtFirst * digestWords);
  /** Of each place the number of a member plus one, or 0. Twice as many places as members fit, so that searches stay short. */
  #table = new Uint32Array(2 * membersAtFirst);

  get size(): number {
    return this.#count;
  }

  has(id: Digest): boolean {
    return this.numberOf(id) >= 0;
  }

  /** How many were added before it; -1 for what is no member. */
  numberOf(id: Digest): number {
    return (this.#table[this.#placeOf(id)] as number) - 1;
  }

  add(id: Digest): void {
    const place = this.#placeOf(id);
    if (this.#table[place] !== 0) return;
    const at = this.#count * digestWords;
    for (let n = 0; n < digestWords; n++) this.#words[at + n] = id.readUInt32LE(4 * n);
    this.#count += 1;
    this.#table[place] = this.#count;
    if (2 * this.#count === this.#table.length) this.#grow();
  }

  /** In the order in which they were added. */
  *[Symbol.iterator](): Generator<Digest> {
    for (let member = 0; member < this.#count; member++) {
      const id = Buffer.allocUnsafe(digestBytes);
      const at = member * digestWords;
      for (let n = 0; n < digestWords; n++) id.writeUInt32LE(this.#words[at + n] as number, 4 * n);
      yield id;
    }
  }

  clear(): void {
    this.#count = 0;
    this.#table.fill(0);
  }

  /** Where the digest is, or the free place where it would be. */
  #placeOf(id: Digest): number {
    const mask = this.#table.length - 1;
    for (let place = id.readUInt32LE(0) & mask; ; place = (place + 1) & mask) {
      const member = this.#table[place] as number;
      if (member === 0 || this.#isMember(member - 1, id)) return place;
    }
  }

  #isMember(member: number, id: Digest): boolean {
    const at = member * digestWords;
    for (let n = 0; n < digestWords; n++) {
      if (this.#words[at + n] !== id.readUInt32LE(4 * n)) return false;
    }
    return true;
  }

  #grow(): void {
    const words = new Uint32Array(2 * this.#words.length);
    words.set(this.#words);
    this.#words = words;
    this.#table = new Uint32Array(2 * this.#table.length);
    const mask = this.#table.length - 1;
    for (let member = 0; member < this.#count; member++) {
      let place = (words[member * digestWords] as number) & mask;
      while (this.#table[place] !== 0) place = (place + 1) & mask;
      this.#table[place] = member + 1;
    }
  }
}
