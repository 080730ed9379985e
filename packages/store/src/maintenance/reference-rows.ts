/** Counted references in sorted columns, 37 bytes a row: an id, the role that it is named in, and how often. */
import type { Digest } from "../chunk/hash.js";
import { compareRest, compareRests, prefixOf, turned } from "../pack/segment-rows.js";

/** Words of an id, as in the rows of an index: its prefix, and the rest. */
export const idWords = 8;

/** Sorted by id and role. */
export interface ReferenceRows {
  /** Eight words a row. */
  ids: Uint32Array;
  roles: Uint8Array;
  counts: Uint32Array;
  /** How many would fit where they lie. */
  room: number;
}

export function allocateRows(count: number): ReferenceRows {
  return {
    ids: new Uint32Array(count * idWords),
    roles: new Uint8Array(count),
    counts: new Uint32Array(count),
    room: count,
  };
}

/** No rows yet, in memory that `mergeRows` puts so many into: the kernel gives it when it is first written to. */
export function roomForRows(count: number): ReferenceRows {
  return firstRows(allocateRows(count), 0);
}

/** As many as are wanted, up to all that there is room for. */
function firstRows({ ids, roles, counts, room }: ReferenceRows, count: number): ReferenceRows {
  return {
    ids: new Uint32Array(ids.buffer, ids.byteOffset, count * idWords),
    roles: new Uint8Array(roles.buffer, roles.byteOffset, count),
    counts: new Uint32Array(counts.buffer, counts.byteOffset, count),
    room,
  };
}

export function copyRow(from: ReferenceRows, row: number, to: ReferenceRows, at: number): void {
  for (let n = 0; n < idWords; n++) to.ids[at * idWords + n] = from.ids[row * idWords + n] as number;
  to.roles[at] = from.roles[row] as number;
  to.counts[at] = from.counts[row] as number;
}

export function compareRows(a: ReferenceRows, row: number, b: ReferenceRows, other: number): number {
  const [at, otherAt] = [row * idWords, other * idWords];
  return (
    turned(a.ids[at] as number) - turned(b.ids[otherAt] as number) ||
    compareRests(a.ids, at + 1, b.ids, otherAt + 1) ||
    (a.roles[row] as number) - (b.roles[other] as number)
  );
}

/** The order of an id and that of a row. */
function compareId(id: Digest, ids: Uint32Array, row: number): number {
  const at = row * idWords;
  return prefixOf(id) - turned(ids[at] as number) || compareRest(id, ids, at + 1);
}

export function isAt(id: Digest, ids: Uint32Array, row: number): boolean {
  return compareId(id, ids, row) === 0;
}

/** The row of an id in a role, or -1. */
export function findRow(rows: ReferenceRows, id: Digest, role: number): number {
  const row = firstRow(rows, id, role);
  return row < rows.counts.length && rows.roles[row] === role && isAt(id, rows.ids, row) ? row : -1;
}

/** The first row that is not before an id in a role. Ids are uniform, so the search begins where they would stand. */
export function firstRow({ ids, roles, counts }: ReferenceRows, id: Digest, role: number): number {
  const isBefore = (row: number): boolean => {
    const order = compareId(id, ids, row);
    return order > 0 || (order === 0 && (roles[row] as number) < role);
  };
  const size = counts.length;
  let low = Math.floor((prefixOf(id) / 2 ** 32) * size);
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

/**
 * Leaves out rows at zero. No row is in both. What `a` has room for is merged in its place, from the end on, because there may be as many
 * rows as memory takes once.
 */
export function mergeRows(a: ReferenceRows, b: ReferenceRows): ReferenceRows {
  const [kept, added] = [withoutZeros(a), withoutZeros(b)];
  if (added.counts.length === 0) return kept;
  const count = kept.counts.length + added.counts.length;
  const isRoom = kept.room >= count;
  if (kept.counts.length === 0 && !isRoom) return added;
  const merged = isRoom ? firstRows(kept, count) : allocateRows(count);
  let [left, right] = [kept.counts.length - 1, added.counts.length - 1];
  for (let at = count - 1; at >= 0; at--) {
    if (right < 0 && isRoom) break;
    if (right < 0 || (left >= 0 && compareRows(kept, left, added, right) > 0))
      copyRow(kept, left--, merged, at);
    else copyRow(added, right--, merged, at);
  }
  return merged;
}

/** In place. */
function withoutZeros(rows: ReferenceRows): ReferenceRows {
  const size = rows.counts.length;
  let at = 0;
  for (let row = 0; row < size; row++) {
    if (rows.counts[row] === 0) continue;
    if (at !== row) copyRow(rows, row, rows, at);
    at += 1;
  }
  return at === size ? rows : firstRows(rows, at);
}

/** For walks through rows of an index: each object that is referred to is claimed by the first that meets it. */
export class Claims {
  readonly #rows: ReferenceRows;
  readonly #isClaimed: Uint8Array;
  #row = 0;
  /** Set once somebody met an object that another had claimed. */
  metAgain = false;

  /** There must be no rows at zero. */
  constructor(rows: ReferenceRows) {
    this.#rows = rows;
    this.#isClaimed = new Uint8Array(rows.counts.length);
  }

  /** Begins another walk. */
  restart(): void {
    this.#row = 0;
  }

  /** True when the object is referred to and nobody has claimed it before. To be asked in the order of ids. */
  claim(words: Uint32Array, prefix: number, rest: number): boolean {
    const { ids, counts } = this.#rows;
    const wanted = turned(words[prefix] as number);
    for (; this.#row < counts.length; this.#row++) {
      const at = this.#row * idWords;
      const order = turned(ids[at] as number) - wanted || compareRests(ids, at + 1, words, rest);
      if (order < 0) continue;
      if (order > 0) return false;
      if (this.#isClaimed[this.#row] === 1) {
        this.metAgain = true;
        return false;
      }
      this.#isClaimed[this.#row] = 1;
      return true;
    }
    return false;
  }
}
