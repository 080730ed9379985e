/**
 * What a flat directory takes whose files never change under their names: those that it had when it was last looked at are not
 * asked after again. Anything else in it counts as it is found.
 */
import { statIfPresent, withDirectory } from "./durable.js";
import { isErrno, type Fd, type Files } from "./files.js";
import { measureRegion, regionBytes } from "./region.js";
import { stampOf } from "./stamp.js";

/** What is kept of a directory for the next process: its stamp, and the allocated bytes of its files by their names. */
export interface KeptFiles {
  stamp: string | null;
  files: [string, number][];
}

export class WholeFiles {
  readonly #files: Files;
  readonly #path: string;
  readonly #pattern: RegExp;
  #stamp: string | null;
  #bytes: Map<string, number>;
  #othersBytes = 0;
  #fileBytes: number;

  /** `pattern`: of the names under which a file is whole and stays as it is. */
  constructor(files: Files, path: string, pattern: RegExp, kept: KeptFiles = { stamp: null, files: [] }) {
    this.#files = files;
    this.#path = path;
    this.#pattern = pattern;
    this.#stamp = kept.stamp;
    this.#bytes = new Map(kept.files);
    this.#fileBytes = sum(this.#bytes);
  }

  /** Allocated bytes of each whole file by its name, as of the last look. */
  get bytes(): ReadonlyMap<string, number> {
    return this.#bytes;
  }

  /** Of everything in it, and of itself, as of the last look; 0 when there is no such directory. */
  allocatedBytes(): number {
    const own = statIfPresent(this.#files, this.#path);
    return own === null ? 0 : own.allocatedBytes + this.#fileBytes + this.#othersBytes;
  }

  /** Looks what came and went. True when anything did. */
  look(): boolean {
    const stamp = stampOf(this.#files, this.#path);
    if (stamp !== null && stamp === this.#stamp) return false;
    const before = this.#bytes;
    const found = new Map<string, number>();
    let others = 0;
    let areNew = false;
    try {
      withDirectory(this.#files, this.#path, (directory) => {
        this.#othersBytes = 0;
        for (const { key, name } of this.#files.list(directory)) {
          const isWhole = this.#pattern.test(key);
          if (!isWhole) others += 1;
          const known = isWhole ? before.get(key) : undefined;
          areNew ||= isWhole && known === undefined;
          const bytes = known ?? this.#allocatedBytesOf(directory, name);
          if (bytes === null) continue;
          if (isWhole) found.set(key, bytes);
          else this.#othersBytes += bytes;
        }
      });
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
    // What is not whole may grow without a change of the directory.
    this.#stamp = others === 0 ? stamp : null;
    if (!areNew && found.size === before.size) return false;
    this.#bytes = found;
    this.#fileBytes = sum(found);
    return true;
  }

  /** Nothing is known any more. */
  forget(): void {
    this.#stamp = null;
    this.#bytes = new Map();
    this.#fileBytes = 0;
  }

  keep(): KeptFiles {
    return { stamp: this.#stamp, files: [...this.#bytes] };
  }

  /** Null when it is gone meanwhile. */
  #allocatedBytesOf(directory: Fd, name: Uint8Array): number | null {
    try {
      const { type, allocatedBytes } = this.#files.stat(directory, name);
      if (type !== "directory") return allocatedBytes;
      const path = `${this.#path}/${Buffer.from(name).toString("utf8")}`;
      return regionBytes([measureRegion(this.#files, path)]);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return null;
      throw error;
    }
  }
}

function sum(bytes: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const one of bytes.values()) total += one;
  return total;
}
