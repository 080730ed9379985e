/**
 * What is known of a directory beforehand: the entries of a tree that lies below it, or that an earlier walk of it gave; then
 * each with its row in the walk.
 */
import type { TreeEntry } from "../tree/entry.js";
import type { RecordedWalk } from "./recorded-walk.js";

export interface Known {
  entry: TreeEntry;
  /** Its row; of a directory, its number. */
  row: number;
}

/** One directory, read in order of names. */
export class KnownLevel {
  readonly #entries: TreeEntry[];
  #next = 0;
  #nextRow: number;
  /** The first of the directories below the next one, which all come before it. */
  #nextDirectory: number;

  /** The entries that the tree has, of the directory `number` of the walk. Without a walk, rows mean nothing. */
  constructor(entries: TreeEntry[], walk: RecordedWalk | null, number: number) {
    this.#entries = entries;
    this.#nextRow = walk?.firstRow(number) ?? 0;
    this.#nextDirectory = walk === null ? 0 : number - walk.directoriesBelow(number);
  }

  /** Null when there is nothing of this name. Each name must come after the one before it. */
  find(name: Buffer): Known | null {
    for (;;) {
      const entry = this.#entries[this.#next];
      if (entry === undefined) return null;
      const order = entry.name.compare(name);
      if (order > 0) return null;
      this.#next += 1;
      const row = this.#rowOf(entry);
      if (order === 0) return { entry, row };
    }
  }

  #rowOf(entry: TreeEntry): number {
    if (entry.type !== "directory") return this.#nextRow++;
    const number = this.#nextDirectory + entry.sums.directories;
    this.#nextDirectory = number + 1;
    return number;
  }
}
