/** What an earlier walk of a directory tells of its entries: those of the tree it gave, each with its row of the stat cache. */
import type { TreeEntry } from "../tree/entry.js";

export interface Known {
  entry: TreeEntry;
  /** Its row; of a directory, the first of what is below it. */
  row: number;
}

/** One directory of an earlier walk, read in order of names. */
export class KnownLevel {
  readonly #entries: TreeEntry[];
  #next = 0;
  #nextRow: number;

  /** `row`: the first of the directory. */
  constructor(entries: TreeEntry[], row: number) {
    this.#entries = entries;
    this.#nextRow = row;
  }

  /** Null when there was nothing of this name. Each name must come after the one before it. */
  find(name: Buffer): Known | null {
    for (;;) {
      const entry = this.#entries[this.#next];
      if (entry === undefined) return null;
      const order = entry.name.compare(name);
      if (order > 0) return null;
      const row = this.#nextRow;
      this.#next += 1;
      this.#nextRow += entry.type === "directory" ? entry.sums.files : 1;
      if (order === 0) return { entry, row };
    }
  }
}
