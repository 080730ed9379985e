/**
 * How often each object is named by others: rows of an id, the role it is named in, and a count. Rows that were loaded are
 * sorted columns, changed in place; rows that are new are in a hash table until they are merged in. 37 bytes a row.
 */
import { digestBytes, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";

/** New rows are merged into the sorted ones when there are this many, which bounds what the hash table takes. */
const newRowsMax = 1 << 20;
/** The sort key of a new row: 29 bits of its id, and below them its slot, of which there are at most 2^24. */
const slotBits = 24;

/** Sorted by id and role. */
export interface ReferenceRows {
  ids: Buffer;
  roles: Uint8Array;
  counts: Uint32Array;
}

export class ReferenceTable {
  #rows: ReferenceRows;
  #new = new NewRows(1024);

  constructor(
    rows: ReferenceRows = { ids: Buffer.alloc(0), roles: new Uint8Array(), counts: new Uint32Array() },
  ) {
    this.#rows = rows;
  }

  /** Returns the new count. */
  add(id: Digest, role: number): number {
    const row = findRow(this.#rows, id, role);
    if (row < 0) {
      if (this.#new.size >= newRowsMax) this.#merge();
      return this.#new.add(id, role);
    }
    const count = (this.#rows.counts[row] as number) + 1;
    this.#rows.counts[row] = count;
    return count;
  }

  /** Returns the new count. Code `corrupt` when it was zero: then the rows are not those of what is taken away. */
  subtract(id: Digest, role: number): number {
    const row = findRow(this.#rows, id, role);
    const { counts } = this.#rows;
    const count = row >= 0 ? (counts[row] as number) : this.#new.count(id, role);
    if (count === 0)
      throw new StoreError("corrupt", `object ${id.toString("hex")} has no references to take away`);
    if (row < 0) return this.#new.subtract(id, role);
    counts[row] = count - 1;
    return count - 1;
  }

  count(id: Digest, role: number): number {
    const row = findRow(this.#rows, id, role);
    return row >= 0 ? (this.#rows.counts[row] as number) : this.#new.count(id, role);
  }

  /** True when anything names the object, in whatever role. */
  has(id: Digest): boolean {
    const { ids, counts } = this.#rows;
    const from = firstRow(this.#rows, id, 0);
    for (
      let row = from;
      row < counts.length && id.compare(ids, row * digestBytes, (row + 1) * digestBytes) === 0;
      row++
    ) {
      if (counts[row] !== 0) return true;
    }
    return this.#new.has(id);
  }

  /** All rows with a count, sorted. */
  rows(): ReferenceRows {
    this.#merge();
    return this.#rows;
  }

  #merge(): void {
    const added = this.#new.sorted();
    this.#new = new NewRows(1024);
    this.#rows = mergeRows(this.#rows, added);
  }
}

/** Open addressing with linear probing. Ids are digests, so their first bits are the hash; roles of one id stand in one run. */
class NewRows {
  size = 0;
  #capacity: number;
  #ids: Buffer;
  #roles: Uint8Array;
  #counts: Uint32Array;
  /** 1 where a slot is taken; a row stays when its count falls to zero. */
  #taken: Uint8Array;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#ids = Buffer.alloc(capacity * digestBytes);
    this.#roles = new Uint8Array(capacity);
    this.#counts = new Uint32Array(capacity);
    this.#taken = new Uint8Array(capacity);
  }

  count(id: Digest, role: number): number {
    return this.#counts[this.#slot(id, role)] as number;
  }

  add(id: Digest, role: number): number {
    const slot = this.#slot(id, role);
    if (this.#taken[slot] === 0) {
      this.#ids.set(id, slot * digestBytes);
      this.#roles[slot] = role;
      this.#taken[slot] = 1;
      this.#counts[slot] = 1;
      this.size += 1;
      if (this.size * 2 > this.#capacity) this.#grow();
      return 1;
    }
    const count = (this.#counts[slot] as number) + 1;
    this.#counts[slot] = count;
    return count;
  }

  /** There must be something to take away. */
  subtract(id: Digest, role: number): number {
    const slot = this.#slot(id, role);
    const count = (this.#counts[slot] as number) - 1;
    this.#counts[slot] = count;
    return count;
  }

  has(id: Digest): boolean {
    const mask = this.#capacity - 1;
    for (let slot = id.readUInt32LE(0) & mask; this.#taken[slot] === 1; slot = (slot + 1) & mask) {
      if (this.#counts[slot] !== 0 && this.#isAt(slot, id)) return true;
    }
    return false;
  }

  sorted(): ReferenceRows {
    const keys: number[] | Float64Array = new Float64Array(this.size);
    let found = 0;
    for (let slot = 0; slot < this.#capacity; slot++) {
      if (this.#taken[slot] === 0) continue;
      keys[found++] = (this.#ids.readUInt32BE(slot * digestBytes) >>> 3) * 2 ** slotBits + slot;
    }
    keys.sort();
    const slots = Uint32Array.from(keys, (key) => key % 2 ** slotBits);
    // Few ids agree in 29 bits, so an insertion sort puts the rest in order.
    for (let n = 1; n < slots.length; n++) {
      const slot = slots[n] as number;
      let at = n;
      for (; at > 0 && this.#compare(slots[at - 1] as number, slot) > 0; at--)
        slots[at] = slots[at - 1] as number;
      slots[at] = slot;
    }
    const rows = allocateRows(slots.length);
    slots.forEach((slot, row) => {
      this.#ids.copy(rows.ids, row * digestBytes, slot * digestBytes, (slot + 1) * digestBytes);
      rows.roles[row] = this.#roles[slot] as number;
      rows.counts[row] = this.#counts[slot] as number;
    });
    return rows;
  }

  /** Where the row is, or would be. */
  #slot(id: Digest, role: number): number {
    const mask = this.#capacity - 1;
    let slot = id.readUInt32LE(0) & mask;
    while (this.#taken[slot] === 1 && !(this.#roles[slot] === role && this.#isAt(slot, id)))
      slot = (slot + 1) & mask;
    return slot;
  }

  #isAt(slot: number, id: Digest): boolean {
    return id.compare(this.#ids, slot * digestBytes, (slot + 1) * digestBytes) === 0;
  }

  #compare(a: number, b: number): number {
    const ids = this.#ids;
    const at = b * digestBytes;
    return (
      ids.compare(ids, at, at + digestBytes, a * digestBytes, (a + 1) * digestBytes) ||
      (this.#roles[a] as number) - (this.#roles[b] as number)
    );
  }

  #grow(): void {
    const larger = new NewRows(this.#capacity * 2);
    for (let slot = 0; slot < this.#capacity; slot++) {
      if (this.#taken[slot] === 0) continue;
      const id = this.#ids.subarray(slot * digestBytes, (slot + 1) * digestBytes);
      larger.add(id, this.#roles[slot] as number);
      larger.#counts[larger.#slot(id, this.#roles[slot] as number)] = this.#counts[slot] as number;
    }
    this.#capacity = larger.#capacity;
    this.#ids = larger.#ids;
    this.#roles = larger.#roles;
    this.#counts = larger.#counts;
    this.#taken = larger.#taken;
  }
}

function allocateRows(count: number): ReferenceRows {
  return {
    ids: Buffer.allocUnsafeSlow(count * digestBytes),
    roles: new Uint8Array(count),
    counts: new Uint32Array(count),
  };
}

/** Leaves out rows at zero. No row is in both. */
function mergeRows(a: ReferenceRows, b: ReferenceRows): ReferenceRows {
  const kept = (rows: ReferenceRows): number =>
    rows.counts.reduce((total, count) => total + (count === 0 ? 0 : 1), 0);
  const merged = allocateRows(kept(a) + kept(b));
  const next = { a: 0, b: 0, merged: 0 };
  const take = (from: ReferenceRows, row: number): void => {
    if (from.counts[row] === 0) return;
    const at = next.merged++;
    from.ids.copy(merged.ids, at * digestBytes, row * digestBytes, (row + 1) * digestBytes);
    merged.roles[at] = from.roles[row] as number;
    merged.counts[at] = from.counts[row] as number;
  };
  while (next.a < a.counts.length || next.b < b.counts.length) {
    const aIsNext =
      next.b === b.counts.length || (next.a < a.counts.length && compareRows(a, next.a, b, next.b) < 0);
    if (aIsNext) take(a, next.a++);
    else take(b, next.b++);
  }
  return merged;
}

function compareRows(a: ReferenceRows, row: number, b: ReferenceRows, other: number): number {
  const from = row * digestBytes;
  const at = other * digestBytes;
  return (
    a.ids.compare(b.ids, at, at + digestBytes, from, from + digestBytes) ||
    (a.roles[row] as number) - (b.roles[other] as number)
  );
}

/** The row of an id in a role, or -1. */
function findRow(rows: ReferenceRows, id: Digest, role: number): number {
  const row = firstRow(rows, id, role);
  if (row === rows.counts.length || rows.roles[row] !== role) return -1;
  return id.compare(rows.ids, row * digestBytes, (row + 1) * digestBytes) === 0 ? row : -1;
}

/** The first row that is not before an id in a role. Ids are uniform, so the search begins where they would stand. */
function firstRow({ ids, roles, counts }: ReferenceRows, id: Digest, role: number): number {
  const isBefore = (row: number): boolean => {
    const order = id.compare(ids, row * digestBytes, (row + 1) * digestBytes);
    return order > 0 || (order === 0 && (roles[row] as number) < role);
  };
  const size = counts.length;
  let low = Math.floor((id.readUInt32BE(0) / 2 ** 32) * size);
  let high = low;
  for (let step = 8; low > 0 && !isBefore(low - 1); step *= 2) {
    high = low - 1;
    low = Math.max(0, low - step);
  }
  for (let step = 8; high < size && isBefore(high); step *= 2) {
    low = high + 1;
    high = Math.min(size, high + step);
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
