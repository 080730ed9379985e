/**
 * Finds which directories of the last walk are as they were: the directory itself, by which its names are the same, and each
 * entry of it that is no directory. It asks for states only, lists nothing and reads nothing, and directories do not depend
 * on each other, so threads share the work: each takes the next few that nobody has taken.
 *
 * A path may be led elsewhere by a symlink that somebody puts in the place of a directory meanwhile. Nothing is believed of
 * what is found there but that it is the same, and the directory that holds the symlink has changed, so that the walk which
 * follows goes there and sees it.
 */
import { StoreError } from "../errors.js";
import type { Fd, Files } from "../platform/files.js";
import type { ComparisonMemory, ComparisonThreads } from "./comparison-threads.js";
import type { RecordedWalk } from "./recorded-walk.js";

const directoriesPerTurn = 32;
/** A thread that holds a few directories this long has died. What it had is looked at by the walk. */
const threadTimeoutMs = 60_000;

const counter = { next: 0, done: 1 } as const;

/** Looks at directories until all are taken. */
export function compareDirectories(
  files: Files,
  root: Fd,
  walk: RecordedWalk,
  { counters, same }: Omit<ComparisonMemory, "walk">,
  onTurn: () => void,
): void {
  const check = walk.check(files);
  for (;;) {
    const first = Atomics.add(counters, counter.next, directoriesPerTurn);
    if (first >= walk.directories) return;
    const end = Math.min(first + directoriesPerTurn, walk.directories);
    try {
      for (let directory = first; directory < end; directory++) {
        same[directory] = isSame(files, root, walk, directory, check) ? 1 : 0;
      }
    } finally {
      Atomics.add(counters, counter.done, end - first);
      Atomics.notify(counters, counter.done);
    }
    onTurn();
  }
}

function isSame(
  files: Files,
  root: Fd,
  walk: RecordedWalk,
  directory: number,
  check: ReturnType<RecordedWalk["check"]>,
): boolean {
  const own = walk.ownRow(directory);
  const path = walk.name(own);
  try {
    const fd = files.open(root, path.length === 0 ? "." : path, { directory: true });
    try {
      if (!check.own(fd, own)) return false;
      for (let row = walk.firstRow(directory); row < own; row++) {
        if (!check.entry(fd, row)) return false;
      }
      return true;
    } finally {
      files.close(fd);
    }
  } catch (error) {
    // Gone, or not to be looked at: the walk will say so.
    if (error instanceof StoreError) return false;
    throw error;
  }
}

/** Which directories are as they were, and whether all are below one that is. */
export class Unchanged {
  readonly walk: RecordedWalk;
  /** Everything is as it was. */
  readonly isAll: boolean;
  readonly #same: Uint8Array;
  /** Changed directories, and those with links, before each. */
  readonly #changedBefore: Uint32Array;

  /** `same` as in `ComparisonMemory`. */
  constructor(walk: RecordedWalk, same: Uint8Array) {
    this.walk = walk;
    this.isAll = same.every((value) => value === 1);
    // Links to one file are named after the first of them, so they are looked at together or not at all.
    this.#same = same.map((value, directory) => (walk.hasLinks(directory) ? 0 : value));
    this.#changedBefore = new Uint32Array(walk.directories + 1);
    for (let n = 0; n < walk.directories; n++) {
      this.#changedBefore[n + 1] = (this.#changedBefore[n] as number) + 1 - (this.#same[n] as number);
    }
  }

  /** The directory and its entries that are no directories. */
  isSame(directory: number): boolean {
    return this.isAll || this.#same[directory] === 1;
  }

  /** The directory and everything below it. */
  isWholeSame(directory: number): boolean {
    return this.isAll || this.isWholeSameAlone(directory);
  }

  /** The same, and nothing in it has another link. */
  isWholeSameAlone(directory: number): boolean {
    const first = directory - this.walk.directoriesBelow(directory);
    return this.#changedBefore[first] === this.#changedBefore[directory + 1];
  }
}

/** `threads` help; they reach the same files. `onTurn` is called often and may throw. */
export function findUnchanged(
  files: Files,
  root: Fd,
  walk: RecordedWalk,
  threads: ComparisonThreads | null,
  onTurn: () => void,
): Unchanged {
  const same = new Uint8Array(new SharedArrayBuffer(walk.directories));
  const counters = new Int32Array(new SharedArrayBuffer(8));
  const memory: ComparisonMemory = { walk: walk.bytes, counters, same };
  threads?.join({ memory, root });
  try {
    compareDirectories(files, root, walk, memory, onTurn);
  } finally {
    awaitOthers(walk, memory);
  }
  return new Unchanged(walk, same.slice());
}

/** Returns when nobody looks any more; those who come later find nothing to do. */
function awaitOthers(walk: RecordedWalk, { counters }: ComparisonMemory): void {
  const taken = Math.min(walk.directories, Atomics.exchange(counters, counter.next, walk.directories));
  for (let done = Atomics.load(counters, counter.done); done < taken;) {
    if (Atomics.wait(counters, counter.done, done, threadTimeoutMs) === "timed-out") return;
    done = Atomics.load(counters, counter.done);
  }
}
