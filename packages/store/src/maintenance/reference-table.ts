/**
 * How often each object is named by others, and as what. Rows that were there are changed in place; new ones are merged in
 * when there are many, or when all are wanted.
 */
import type { Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { NewReferences } from "./new-references.js";
import {
  Claims,
  findRow,
  firstRow,
  isAt,
  mergeRows,
  roomForRows,
  type ReferenceRows,
} from "./reference-rows.js";

/** Bounds what the hash table of new rows takes. */
const newRowsMax = 1 << 20;

export class ReferenceTable {
  #rows: ReferenceRows;
  #new: NewReferences;

  /** `newRows`: how many are to come, as far as it is known. */
  constructor(rows: ReferenceRows | null = null, newRows = 0) {
    this.#rows = rows ?? roomForRows(newRows);
    this.#new = new NewReferences(Math.min(newRows, newRowsMax));
  }

  /** Rows, those at zero included. */
  get size(): number {
    return this.#rows.counts.length + this.#new.size;
  }

  /** Returns the new count. */
  add(id: Digest, role: number): number {
    const row = findRow(this.#rows, id, role);
    if (row < 0) {
      if (this.#new.size >= newRowsMax) this.#merge();
      return this.#new.add(id, role);
    }
    const { counts } = this.#rows;
    return (counts[row] = (counts[row] as number) + 1);
  }

  /** Returns the new count. Code `corrupt` when it was zero: then the rows are not those of what is taken away. */
  subtract(id: Digest, role: number): number {
    const row = findRow(this.#rows, id, role);
    const { counts } = this.#rows;
    const count = row >= 0 ? (counts[row] as number) : this.#new.count(id, role);
    if (count === 0)
      throw new StoreError("corrupt", `object ${id.toString("hex")} has no references to take away`);
    return row >= 0 ? (counts[row] = count - 1) : this.#new.subtract(id, role);
  }

  count(id: Digest, role: number): number {
    const row = findRow(this.#rows, id, role);
    return row >= 0 ? (this.#rows.counts[row] as number) : this.#new.count(id, role);
  }

  /** True when nothing names anything. */
  get isEmpty(): boolean {
    return this.rows().counts.length === 0;
  }

  /** True when anything names the object, in whatever role. */
  has(id: Digest): boolean {
    const { ids, counts } = this.#rows;
    for (let row = firstRow(this.#rows, id, 0); row < counts.length && isAt(id, ids, row); row++) {
      if (counts[row] !== 0) return true;
    }
    return this.#new.has(id);
  }

  /** All rows with a count, sorted. */
  rows(): ReferenceRows {
    this.#merge();
    return this.#rows;
  }

  claims(): Claims {
    return new Claims(this.rows());
  }

  #merge(): void {
    const added = this.#new.sorted();
    this.#new = new NewReferences();
    this.#rows = mergeRows(this.#rows, added);
  }
}
