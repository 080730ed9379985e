/**
 * Rows of counted references in the order in which they come: a hash table with open addressing and linear probing. Ids are
 * digests, so their first bits are the hash, and the roles of one id stand in one run.
 */
import type { Digest } from "../chunk/hash.js";
import { prefixOf, turned } from "../pack/segment-rows.js";
import { allocateRows, compareRows, copyRow, idWords, isAt, type ReferenceRows } from "./reference-rows.js";

/** The sort key of a row: 29 bits of its id, and below them its slot. */
const slotBits = 24;

export class NewReferences {
  /** A row stays when its count falls to zero. */
  size = 0;
  #slots: ReferenceRows;
  /** 1 where a slot is taken. */
  #taken: Uint8Array;

  /** A power of two, at most 2^24. */
  constructor(capacity = 1024) {
    this.#slots = allocateRows(capacity);
    this.#taken = new Uint8Array(capacity);
  }

  count(id: Digest, role: number): number {
    return this.#slots.counts[this.#slot(id, role)] as number;
  }

  /** Returns the new count. */
  add(id: Digest, role: number): number {
    const slot = this.#slot(id, role);
    const { ids, roles, counts } = this.#slots;
    if (this.#taken[slot] === 1) return (counts[slot] = (counts[slot] as number) + 1);
    for (let n = 0; n < idWords; n++) ids[slot * idWords + n] = id.readUInt32LE(4 * n);
    roles[slot] = role;
    counts[slot] = 1;
    this.#taken[slot] = 1;
    this.size += 1;
    if (this.size * 2 > counts.length) this.#grow();
    return 1;
  }

  /** There must be something to take away. Returns the new count. */
  subtract(id: Digest, role: number): number {
    const slot = this.#slot(id, role);
    const { counts } = this.#slots;
    return (counts[slot] = (counts[slot] as number) - 1);
  }

  has(id: Digest): boolean {
    const { ids, counts } = this.#slots;
    const mask = counts.length - 1;
    for (let slot = prefixOf(id) & mask; this.#taken[slot] === 1; slot = (slot + 1) & mask) {
      if (counts[slot] !== 0 && isAt(id, ids, slot)) return true;
    }
    return false;
  }

  sorted(): ReferenceRows {
    const slots = this.#slots;
    const keys = new Float64Array(this.size);
    let found = 0;
    for (let slot = 0; slot < this.#taken.length; slot++) {
      if (this.#taken[slot] === 0) continue;
      keys[found++] = (this.#prefix(slot) >>> 3) * 2 ** slotBits + slot;
    }
    keys.sort();
    const order = Uint32Array.from(keys, (key) => key % 2 ** slotBits);
    // Few ids agree in 29 bits, so an insertion sort puts the rest in order.
    for (let n = 1; n < order.length; n++) {
      const slot = order[n] as number;
      let at = n;
      for (; at > 0 && compareRows(slots, order[at - 1] as number, slots, slot) > 0; at--) {
        order[at] = order[at - 1] as number;
      }
      order[at] = slot;
    }
    const rows = allocateRows(order.length);
    order.forEach((slot, row) => {
      copyRow(slots, slot, rows, row);
    });
    return rows;
  }

  /** Where the row is, or would be. */
  #slot(id: Digest, role: number): number {
    const { ids, roles } = this.#slots;
    const mask = roles.length - 1;
    let slot = prefixOf(id) & mask;
    while (this.#taken[slot] === 1 && !(roles[slot] === role && isAt(id, ids, slot)))
      slot = (slot + 1) & mask;
    return slot;
  }

  #prefix(slot: number): number {
    return turned(this.#slots.ids[slot * idWords] as number);
  }

  #grow(): void {
    const old = this.#slots;
    const taken = this.#taken;
    this.#slots = allocateRows(taken.length * 2);
    this.#taken = new Uint8Array(taken.length * 2);
    const mask = this.#taken.length - 1;
    for (let row = 0; row < taken.length; row++) {
      if (taken[row] === 0) continue;
      let slot = turned(old.ids[row * idWords] as number) & mask;
      while (this.#taken[slot] === 1) slot = (slot + 1) & mask;
      copyRow(old, row, this.#slots, slot);
      this.#taken[slot] = 1;
    }
  }
}
