/**
 * What a walk of a directory saw, so that the next one can tell what is as it was: for each directory, in the order in which
 * the walk finished them (each after those below it), its entries that are no directories, in order of name, and last the
 * directory itself. Of each: its name, or for a directory its path, and the state that `stat` gave.
 *
 *     header     u32 directories, u32 rows, u32 bytes of names, u32 0
 *     rows       six u32 each: inode, size, mtime seconds and nanoseconds, ctime seconds and nanoseconds
 *     names      u32 each: where the name of a row ends
 *     ends       u32 a directory: its last row, plus one
 *     below      u32 a directory: directories below it
 *     linked     u32 a directory: 1 when an entry of it has more than one link
 *     bytes of the names, each followed by a zero byte
 *
 * Numbers are in the machine's own order. What changed so lately that it may change again within the same tick of the clock
 * (git's "racily clean" entries) is kept as unknown, which nothing equals.
 */
import { stateWordCount as rowWords, stateWords, type Fd, type Files, type Stat } from "../platform/files.js";

const headerWords = 4;
/** No count of nanoseconds. */
const unknown = 0xffff_ffff;

interface Counts {
  directories: number;
  rows: number;
  nameBytes: number;
}

function layout({ directories, rows, nameBytes }: Counts) {
  const nameEnds = headerWords + rows * rowWords;
  const ends = nameEnds + rows;
  const below = ends + directories;
  const linked = below + directories;
  const names = linked + directories;
  return { nameEnds, ends, below, linked, names, totalBytes: names * 4 + nameBytes };
}

export class RecordedWalk {
  /** As it is stored. Threads may share it. */
  readonly bytes: Uint8Array;
  readonly directories: number;
  readonly rows: number;
  readonly #words: Uint32Array;
  readonly #at: ReturnType<typeof layout>;
  readonly #names: Buffer;

  /** `bytes` must start where words may. Null for what cannot be a walk. */
  static decode(bytes: Uint8Array): RecordedWalk | null {
    if (bytes.length < headerWords * 4) return null;
    const [directories = 0, rows = 0, nameBytes = 0] = new Uint32Array(bytes.buffer, bytes.byteOffset, 3);
    const counts = { directories, rows, nameBytes };
    if (layout(counts).totalBytes !== bytes.length || (rows > 0 && bytes.at(-1) !== 0)) return null;
    return new RecordedWalk(bytes, counts);
  }

  private constructor(bytes: Uint8Array, counts: Counts) {
    this.bytes = bytes;
    this.directories = counts.directories;
    this.rows = counts.rows;
    this.#at = layout(counts);
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, this.#at.names);
    this.#names = Buffer.from(bytes.buffer, bytes.byteOffset + this.#at.names * 4, counts.nameBytes);
  }

  /** True when row `row` recorded this very state of this very file. */
  matches(row: number, stat: Stat): boolean {
    const at = headerWords + row * rowWords;
    return stateWords(stat).every((word, n) => this.#words[at + n] === word);
  }

  /** The same, asked of the kernel: of an entry of an open directory, and of the directory itself. */
  check(files: Files): Record<"entry" | "own", (directory: Fd, row: number) => boolean> {
    if (this.rows === 0) return { entry: () => false, own: () => false };
    const isInState = files.stateCheck(this.#names);
    const at = (row: number): number => headerWords + row * rowWords;
    return {
      entry: (directory, row) => isInState(directory, this.#nameStart(row), this.#words, at(row)),
      // What follows a name is the empty one.
      own: (directory, row) =>
        isInState(directory, this.#words[this.#at.nameEnds + row] as number, this.#words, at(row)),
    };
  }

  name(row: number): Buffer {
    return this.#names.subarray(this.#nameStart(row), this.#words[this.#at.nameEnds + row]);
  }

  #nameStart(row: number): number {
    return row === 0 ? 0 : (this.#words[this.#at.nameEnds + row - 1] as number) + 1;
  }

  /** The first of a directory's entries that are no directories. */
  firstRow(directory: number): number {
    return directory === 0 ? 0 : (this.#words[this.#at.ends + directory - 1] as number);
  }

  /** The directory's own, which follows those of its entries. */
  ownRow(directory: number): number {
    return (this.#words[this.#at.ends + directory] as number) - 1;
  }

  directoriesBelow(directory: number): number {
    return this.#words[this.#at.below + directory] as number;
  }

  hasLinks(directory: number): boolean {
    return this.#words[this.#at.linked + directory] === 1;
  }

  /** Six words a row, of the rows from `first` to before `end`. */
  rowWords(first: number, end: number): Uint32Array {
    return this.#words.subarray(headerWords + first * rowWords, headerWords + end * rowWords);
  }
}

/** Numbers in a typed array that grows. */
class Words {
  #words = new Uint32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#words.length) this.#grow(this.length + 1);
    this.#words[this.length++] = value;
  }

  append(values: ArrayLike<number>): void {
    if (this.length + values.length > this.#words.length) this.#grow(this.length + values.length);
    this.#words.set(values, this.length);
    this.length += values.length;
  }

  all(): Uint32Array {
    return this.#words.subarray(0, this.length);
  }

  #grow(least: number): void {
    const grown = new Uint32Array(Math.max(least, 2 * this.#words.length));
    grown.set(this.#words);
    this.#words = grown;
  }
}

/** The rows of one directory's entries, while it is walked. */
export class EntryRows {
  readonly words: number[] = [];
  readonly names: Buffer[] = [];
  hasLinks = false;

  /** One of an earlier walk, which is as it was and has one link. */
  addUnchanged(walk: RecordedWalk, row: number): void {
    for (const word of walk.rowWords(row, row + 1)) this.words.push(word);
    this.names.push(walk.name(row));
  }
}

/** Collects a walk. */
export class WalkRecorder {
  readonly #settledBeforeSeconds: number;
  readonly #rows = new Words();
  readonly #nameEnds = new Words();
  readonly #ends = new Words();
  readonly #below = new Words();
  readonly #linked = new Words();
  #names = Buffer.allocUnsafe(4096);
  #nameBytes = 0;

  /** What changed at or after this second may change again unseen. */
  constructor(settledBeforeSeconds: number) {
    this.#settledBeforeSeconds = settledBeforeSeconds;
  }

  /** An entry that is no directory. */
  addEntry(entries: EntryRows, name: Buffer, stat: Stat): void {
    this.#pushState(entries.words, stat, true);
    entries.names.push(name);
    if (stat.links > 1) entries.hasLinks = true;
  }

  /** A directory that is finished, after those below it. `isWhole`: all that it holds was stored, without a problem. */
  addDirectory(path: Buffer, stat: Stat, entries: EntryRows, below: number, isWhole: boolean): void {
    this.#rows.append(entries.words);
    for (const name of entries.names) this.#addName(name);
    const own: number[] = [];
    this.#pushState(own, stat, isWhole);
    this.#rows.append(own);
    this.#addName(path);
    this.#ends.push(this.#nameEnds.length);
    this.#below.push(below);
    this.#linked.push(entries.hasLinks ? 1 : 0);
  }

  /** Directories from `first` to `last` of an earlier walk, which are as they were. */
  addUnchanged(walk: RecordedWalk, first: number, last: number): void {
    const firstRow = walk.firstRow(first);
    const endRow = walk.ownRow(last) + 1;
    const shift = this.#nameEnds.length - firstRow;
    this.#rows.append(walk.rowWords(firstRow, endRow));
    for (let row = firstRow; row < endRow; row++) this.#addName(walk.name(row));
    for (let directory = first; directory <= last; directory++) {
      this.#ends.push(walk.ownRow(directory) + 1 + shift);
      this.#below.push(walk.directoriesBelow(directory));
      this.#linked.push(walk.hasLinks(directory) ? 1 : 0);
    }
  }

  finish(): RecordedWalk {
    const counts = {
      directories: this.#ends.length,
      rows: this.#nameEnds.length,
      nameBytes: this.#nameBytes,
    };
    const at = layout(counts);
    const bytes = new Uint8Array(at.totalBytes);
    const words = new Uint32Array(bytes.buffer, 0, at.names);
    words.set([counts.directories, counts.rows, counts.nameBytes, 0]);
    words.set(this.#rows.all(), headerWords);
    words.set(this.#nameEnds.all(), at.nameEnds);
    words.set(this.#ends.all(), at.ends);
    words.set(this.#below.all(), at.below);
    words.set(this.#linked.all(), at.linked);
    bytes.set(this.#names.subarray(0, this.#nameBytes), at.names * 4);
    return RecordedWalk.decode(bytes) as RecordedWalk;
  }

  #pushState(words: number[], stat: Stat, isKnown: boolean): void {
    for (const word of stateWords(stat)) words.push(word);
    const isSettled = stat.ctimeSeconds < this.#settledBeforeSeconds;
    if (!isKnown || !isSettled) words[words.length - 1] = unknown;
  }

  #addName(name: Buffer): void {
    const end = this.#nameBytes + name.length;
    if (end >= this.#names.length) {
      const grown = Buffer.allocUnsafe(2 * (end + 1));
      this.#names.copy(grown, 0, 0, this.#nameBytes);
      this.#names = grown;
    }
    this.#names.set(name, this.#nameBytes);
    this.#names[end] = 0;
    this.#nameEnds.push(end);
    this.#nameBytes = end + 1;
  }
}
