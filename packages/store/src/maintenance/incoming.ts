/** Bytes that come in pieces of any size and are taken in others. In one piece of memory: an object a piece would be many times as much. */
export class Incoming {
  #memory = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  /** How many were pushed and not taken yet. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies them. */
  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#memory.length) this.#makeRoom(bytes.length);
    this.#memory.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The next ones, in memory of their own. Null when they have not all come yet. */
  take(bytes: number): Buffer | null {
    if (this.length < bytes) return null;
    const taken = Buffer.from(this.#memory.subarray(this.#start, this.#start + bytes));
    this.#start += bytes;
    return taken;
  }

  clear(): void {
    this.#memory = Buffer.alloc(0);
    this.#start = 0;
    this.#end = 0;
  }

  #makeRoom(bytes: number): void {
    const needed = this.length + bytes;
    // What is at least half empty is enough as it is, so that bytes move seldom.
    const memory = 2 * needed <= this.#memory.length ? this.#memory : Buffer.allocUnsafe(2 * needed);
    this.#memory.copy(memory, 0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    this.#memory = memory;
  }
}
