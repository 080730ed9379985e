/**
 * Where the store itself stands. It may stand in the directory that it takes snapshots of: then no snapshot has it in it, and no
 * restore removes it, or a directory around it.
 */
import { anywhere, type Files, type Stat } from "../platform/files.js";

export class StorePlace {
  readonly #store: string;
  /** Keys of the store and of every directory above it. */
  readonly #around = new Set<string>();

  constructor(files: Files, root: string) {
    const directory = files.open(anywhere, root, { directory: true, follow: true });
    try {
      this.#store = keyOf(files.statOpen(directory));
      let above = ".";
      let key = this.#store;
      // The root of all directories is above itself.
      while (!this.#around.has(key)) {
        this.#around.add(key);
        above += "/..";
        key = keyOf(files.stat(directory, above));
      }
    } finally {
      files.close(directory);
    }
  }

  isStore(stat: Stat): boolean {
    return stat.type === "directory" && keyOf(stat) === this.#store;
  }

  /** True for the store, and for what it stands in. */
  holdsStore(stat: Stat): boolean {
    return stat.type === "directory" && this.#around.has(keyOf(stat));
  }
}

function keyOf({ device, inode }: Stat): string {
  return `${device}:${inode}`;
}
