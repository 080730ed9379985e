/**
 * Reads one file into the store so that content and metadata belong together: what was read is what the file held at one
 * moment, or the caller is told that it was not.
 */
import { wholeFileBytesMax } from "../limits.js";
import type { ObjectWriter } from "../pack/chunks.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";
import type { ContentItem } from "../tree/content.js";
import { ingestFile } from "./ingest.js";

/** A file that changes while it is read is read again this often. */
export const readAttemptsMax = 3;

/** Change times are stamped with a clock that lags behind; a file this much older than the walk did not change during it. */
const settledMarginSeconds = 2;

/** What changed last before this second did not change since the walk began at `startedAtMs`. */
export function settledBefore(startedAtMs: number): number {
  return Math.floor(startedAtMs / 1000) - settledMarginSeconds;
}

export interface FileReading {
  stat: Stat;
  segments: ContentItem[];
  sizeBytes: number;
  /** False when the file changed during the reading. */
  consistent: boolean;
}

const scratch = Buffer.allocUnsafe(wholeFileBytesMax + 1);
const secondScratch = Buffer.allocUnsafe(wholeFileBytesMax + 1);

export class FileReader {
  readonly #files: Files;
  readonly #writer: ObjectWriter;
  readonly #settledBeforeSeconds: number;
  readonly #onBytes: (count: number) => void;

  constructor(
    files: Files,
    writer: ObjectWriter,
    settledBeforeSeconds: number,
    onBytes: (count: number) => void,
  ) {
    this.#files = files;
    this.#writer = writer;
    this.#settledBeforeSeconds = settledBeforeSeconds;
    this.#onBytes = onBytes;
  }

  read(fd: Fd): FileReading {
    return this.#readWhole(fd) ?? this.#readCompared(fd);
  }

  /**
   * One read and one stat, for small files without holes that did not change since before the walk began: their state after
   * the read is their state before it. What changed later is read once more: the state is that of what was read before and after
   * it. Null for all others.
   */
  #readWhole(fd: Fd): FileReading | null {
    let length: number;
    try {
      // Where one call gives less than the file has, its size says so.
      length = this.#files.readSome(fd, scratch, 0);
    } catch (error) {
      // What replaced the file in the meantime may be no file; the stat that follows says so.
      if (isErrno(error, "EISDIR", "EAGAIN", "EINVAL", "ESPIPE")) return null;
      throw error;
    }
    if (length > wholeFileBytesMax) return null;
    const stat = this.#files.statOpen(fd);
    if (stat.type !== "file" || stat.sizeBytes !== length || stat.allocatedBytes < length) return null;
    const isSettled = stat.ctimeSeconds < this.#settledBeforeSeconds;
    if (!isSettled && !this.#readsTheSame(fd, scratch.subarray(0, length))) return null;
    this.#onBytes(length);
    if (length === 0) return { stat, segments: [], sizeBytes: 0, consistent: true };
    const id = this.#writer.put("data", scratch.subarray(0, length));
    return { stat, segments: [{ kind: "chunk", length, id }], sizeBytes: length, consistent: true };
  }

  #readsTheSame(fd: Fd, content: Buffer): boolean {
    const length = this.#files.readSome(fd, secondScratch, 0);
    return length === content.length && secondScratch.subarray(0, length).equals(content);
  }

  #readCompared(fd: Fd): FileReading {
    for (let attempt = 1; ; attempt++) {
      const stat = this.#files.statOpen(fd);
      const segments =
        stat.type === "file" ? ingestFile(this.#files, this.#writer, fd, stat, this.#onBytes) : [];
      const sizeBytes = segments.reduce((total, item) => total + item.length, 0);
      const consistent = sizeBytes === stat.sizeBytes && sameVersion(stat, this.#files.statOpen(fd));
      if (consistent || attempt === readAttemptsMax) return { stat, segments, sizeBytes, consistent };
    }
  }
}

/** Any write moves the ctime; the size and mtime are asked too because ctime has the clock's granularity only. */
function sameVersion(a: Stat, b: Stat): boolean {
  return (
    a.type === b.type &&
    a.sizeBytes === b.sizeBytes &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.mtimeNanoseconds === b.mtimeNanoseconds &&
    a.ctimeSeconds === b.ctimeSeconds &&
    a.ctimeNanoseconds === b.ctimeNanoseconds
  );
}
