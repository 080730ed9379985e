/** Files that are made one after the other in one directory: what a restore can leave to other threads. */
import type { Digest } from "../chunk/hash.js";
import type { Fd } from "../platform/files.js";
import type { FileEntry, TreeEntry } from "../tree/entry.js";
import type { Damage } from "./damage.js";
import type { NewFiles } from "./new-file.js";
import type { Place } from "./place.js";
import type { Work } from "./work.js";

/** Where the files of a run belong. Descriptors are the process's, so every thread may use them. */
export interface RunTarget {
  directory: Fd;
  /** See `isPlain`. */
  plain: boolean;
}

/** Entries of one directory of a tree, from number `from` to before `to`, all of them files without other links. */
export interface FileRun extends RunTarget {
  /** The directory's node. */
  node: Digest;
  from: number;
  to: number;
}

/** A file that depends on no other. */
export function isAlone(entry: TreeEntry): entry is FileEntry {
  return entry.type === "file" && entry.linkGroup === null;
}

export interface FileMaker {
  readonly writtenBytes: number;
  /** Makes the files of a run, now or later. `entries` are the node's, `place` is the directory's. */
  make(run: FileRun, entries: TreeEntry[], place: Place): void;
  /** When all that was given before is made: runs `finish`, which may set metadata, and closes the directory. */
  finishDirectory(directory: Fd, finish: () => void): void;
  /** Returns when everything is made and every directory finished. */
  flush(): void;
  /** Gives up. When it returns, nobody uses the descriptors any more, and directories that waited are closed. Idempotent. */
  abandon(): void;
}

/** Makes everything at once, in this thread. */
export class FilesHere implements FileMaker {
  readonly #newFiles: NewFiles;
  readonly #work: Work;
  readonly #close: (fd: Fd) => void;
  readonly #damage: Damage | null;

  /** `damage`: see `MaterializeOptions`. */
  constructor(newFiles: NewFiles, work: Work, close: (fd: Fd) => void, damage: Damage | null) {
    this.#newFiles = newFiles;
    this.#work = work;
    this.#close = close;
    this.#damage = damage;
  }

  get writtenBytes(): number {
    return this.#newFiles.writtenBytes;
  }

  make({ directory, plain, from, to }: FileRun, entries: TreeEntry[], place: Place): void {
    for (let n = from; n < to; n++) {
      const entry = entries[n] as FileEntry;
      this.#work.step();
      const filePlace = { parent: place, name: entry.name };
      const create = (): void => this.#newFiles.create(directory, entry, filePlace, plain);
      if (this.#damage === null) create();
      else this.#damage.attempt(filePlace, create);
      this.#work.progress.files += 1;
    }
  }

  finishDirectory(directory: Fd, finish: () => void): void {
    try {
      finish();
    } finally {
      this.#close(directory);
    }
  }

  flush(): void {
    // Nothing waits.
  }

  abandon(): void {
    // Nothing waits.
  }
}

/** Puts numbers together to runs of neighbours. */
export class RunCollector {
  readonly #onRun: (from: number, to: number) => void;
  #from = 0;
  #to = 0;

  constructor(onRun: (from: number, to: number) => void) {
    this.#onRun = onRun;
  }

  /** Larger than any added before. */
  add(number: number): void {
    if (number !== this.#to || this.#from === this.#to) {
      this.end();
      this.#from = number;
    }
    this.#to = number + 1;
  }

  end(): void {
    if (this.#from < this.#to) this.#onRun(this.#from, this.#to);
    this.#from = this.#to;
  }
}
