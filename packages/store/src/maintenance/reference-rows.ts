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
}

export function allocateRows(count: number): ReferenceRows {
  return {
    ids: new Uint32Array(count * idWords),
    roles: new Uint8Array(count),
    counts: new Uint32Array(count),
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

/** Leaves out rows at zero. No row is in both. */
export function mergeRows(a: ReferenceRows, b: ReferenceRows): ReferenceRows {
  const kept = ({ counts }: ReferenceRows): number =>
    counts.reduce((total, count) => total + (count === 0 ? 0 : 1), 0);
  const [fromA, fromB] = [kept(a), kept(b)];
  if (fromA === 0 && fromB === b.counts.length) return b;
  if (fromB === 0 && fromA === a.counts.length) return a;
  const merged = allocateRows(fromA + fromB);
  let at = 0;
  const take = (from: ReferenceRows, row: number): void => {
    if (from.counts[row] !== 0) copyRow(from, row, merged, at++);
  };
  let [left, right] = [0, 0];
  while (left < a.counts.length || right < b.counts.length) {
    const isLeft =
      right === b.counts.length || (left < a.counts.length && compareRows(a, left, b, right) < 0);
    if (isLeft) take(a, left++);
    else take(b, right++);
  }
  return merged;
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
