/**
 * Rows of counted references in the order in which they come, and a hash table that leads to them, with open addressing and linear
 * probing. Ids are digests, so their first bits are the hash, and the roles of one id stand in one run. Rows lie apart from the table,
 * because it is half empty, and memory costs time when it is touched first.
 */
import type { Digest } from "../chunk/hash.js";
import { prefixOf, turned } from "../pack/segment-rows.js";
import { allocateRows, compareRows, copyRow, idWords, isAt, type ReferenceRows } from "./reference-rows.js";

/** The sort key of a row: 29 bits of its id, and below them its number. */
const numberBits = 24;
const leastCapacity = 512;

export class NewReferences {
  /** A row stays when its count falls to zero. */
  size = 0;
  #rows: ReferenceRows;
  /** The number of a row plus one, or zero where there is none. */
  #table: Uint32Array;

  /** `rows`: how many to make room for, so that it need not grow, which copies all there is; at most 2^23. */
  constructor(rows = 0) {
    const capacity = Math.max(leastCapacity, 2 ** Math.ceil(Math.log2(rows + 1)));
    this.#rows = allocateRows(capacity);
    this.#table = new Uint32Array(2 * capacity);
  }

  count(id: Digest, role: number): number {
    const row = this.#find(id, role);
    return row < 0 ? 0 : (this.#rows.counts[row] as number);
  }

  /** Returns the new count. */
  add(id: Digest, role: number): number {
    const slot = this.#slot(id, role);
    const known = (this.#table[slot] as number) - 1;
    const { ids, roles, counts } = this.#rows;
    if (known >= 0) return (counts[known] = (counts[known] as number) + 1);
    const row = this.size++;
    for (let n = 0; n < idWords; n++) ids[row * idWords + n] = id.readUInt32LE(4 * n);
    roles[row] = role;
    counts[row] = 1;
    this.#table[slot] = row + 1;
    if (this.size === counts.length) this.#grow();
    return 1;
  }

  /** There must be something to take away. Returns the new count. */
  subtract(id: Digest, role: number): number {
    const row = this.#find(id, role);
    const { counts } = this.#rows;
    return (counts[row] = (counts[row] as number) - 1);
  }

  has(id: Digest): boolean {
    const { ids, counts } = this.#rows;
    const mask = this.#table.length - 1;
    for (let slot = prefixOf(id) & mask; this.#table[slot] !== 0; slot = (slot + 1) & mask) {
      const row = (this.#table[slot] as number) - 1;
      if (counts[row] !== 0 && isAt(id, ids, row)) return true;
    }
    return false;
  }

  sorted(): ReferenceRows {
    const rows = this.#rows;
    // Plain loops: there may be many rows, and each call costs as much as the rest.
    const keys = new Float64Array(this.size);
    for (let row = 0; row < this.size; row++) keys[row] = (this.#prefix(row) >>> 3) * 2 ** numberBits + row;
    keys.sort();
    const order = new Uint32Array(this.size);
    for (let n = 0; n < this.size; n++) order[n] = (keys[n] as number) % 2 ** numberBits;
    // Few ids agree in 29 bits, so an insertion sort puts the rest in order.
    for (let n = 1; n < order.length; n++) {
      const row = order[n] as number;
      let at = n;
      for (; at > 0 && compareRows(rows, order[at - 1] as number, rows, row) > 0; at--) {
        order[at] = order[at - 1] as number;
      }
      order[at] = row;
    }
    const sorted = allocateRows(order.length);
    for (let at = 0; at < order.length; at++) copyRow(rows, order[at] as number, sorted, at);
    return sorted;
  }

  #find(id: Digest, role: number): number {
    return (this.#table[this.#slot(id, role)] as number) - 1;
  }

  /** Where in the table the row is, or would be. */
  #slot(id: Digest, role: number): number {
    const { ids, roles } = this.#rows;
    const mask = this.#table.length - 1;
    let slot = prefixOf(id) & mask;
    for (; this.#table[slot] !== 0; slot = (slot + 1) & mask) {
      const row = (this.#table[slot] as number) - 1;
      if (roles[row] === role && isAt(id, ids, row)) break;
    }
    return slot;
  }

  #prefix(row: number): number {
    return turned(this.#rows.ids[row * idWords] as number);
  }

  #grow(): void {
    const old = this.#rows;
    this.#rows = allocateRows(2 * this.size);
    this.#rows.ids.set(old.ids);
    this.#rows.roles.set(old.roles);
    this.#rows.counts.set(old.counts);
    this.#table = new Uint32Array(4 * this.size);
    const mask = this.#table.length - 1;
    for (let row = 0; row < this.size; row++) {
      let slot = this.#prefix(row) & mask;
      while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
      this.#table[slot] = row + 1;
    }
  }
}
