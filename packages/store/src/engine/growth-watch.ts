/**
 * Watches what processes write, and says when it crosses a cap. Asking the filesystem for its free space
 * costs next to nothing; what grew is walked only when space was lost since the last walk, or some seconds have passed,
 * and then at most 2 % of the time, or 10 % when as much was lost as is left below the cap.
 */
import { statfs } from "node:fs/promises";
import type { GrowthOptions, GrowthWatch } from "../api.js";

/** What is used now. `isUrgent`: as much may have been written as was left, so writers had better stand still meanwhile. */
export type Measure = (isUrgent: boolean) => Promise<number>;

/** How often it is looked. */
const intervalMsDefault = 200;
/** A walk may take one part in this many of the time. */
const calmFactor = 50;
const urgentFactor = 10;
/** After this it is walked although no space was lost: somebody else may have freed as much as was written here. */
const quietMsMax = 10_000;
/** What is over the cap from the start may be read and cleaned, for which some small things have to be written. */
const cleaningBytes = 4 * 1024 * 1024;

/** `directory`: on the filesystem that is written to. */
export function watchGrowth(directory: string, measure: Measure, options: GrowthOptions): GrowthWatch {
  let isClosed = false;
  const free = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  };
  const looking = new Looking(options.capBytes, free, measure, (usedBytes) => {
    if (!isClosed) options.onCrossed(usedBytes);
  });
  const timer = setInterval(() => {
    looking.look().catch((error: unknown) => {
      // A disk that goes away is taken from under the walk.
      if (!isClosed) options.onError(error);
    });
  }, options.intervalMs ?? intervalMsDefault).unref();
  return {
    close: () => {
      isClosed = true;
      clearInterval(timer);
    },
  };
}

class Looking {
  readonly #capBytes: number;
  readonly #free: () => Promise<number>;
  readonly #measureUsed: Measure;
  readonly #onCrossed: (usedBytes: number) => void;
  #limitBytes: number | null = null;
  #usedBytes = 0;
  #freeBytes = 0;
  #measuredAtMs = 0;
  #walkMs = 0;
  #isLooking = false;
  #hasCrossed = false;

  constructor(
    capBytes: number,
    free: () => Promise<number>,
    measure: Measure,
    onCrossed: (usedBytes: number) => void,
  ) {
    this.#capBytes = capBytes;
    this.#free = free;
    this.#measureUsed = measure;
    this.#onCrossed = onCrossed;
  }

  /** Looks once. Returns at once while the last look is not done. Rejects as `free` and `measure` do. */
  async look(): Promise<void> {
    if (this.#isLooking || this.#hasCrossed) return;
    this.#isLooking = true;
    try {
      const freeBytes = await this.#free();
      const lostBytes = this.#freeBytes - freeBytes;
      const isFirst = this.#limitBytes === null;
      const isUrgent = !isFirst && lostBytes > 0 && lostBytes >= this.#leftBytes;
      if (isFirst || this.#isDue(lostBytes, isUrgent)) await this.#measure(freeBytes, isUrgent);
    } finally {
      this.#isLooking = false;
    }
  }

  get #leftBytes(): number {
    return (this.#limitBytes ?? 0) - this.#usedBytes;
  }

  #isDue(lostBytes: number, isUrgent: boolean): boolean {
    const sinceMs = performance.now() - this.#measuredAtMs;
    if (isUrgent) return sinceMs >= this.#walkMs * urgentFactor;
    return sinceMs >= this.#walkMs * calmFactor && (lostBytes > 0 || sinceMs >= quietMsMax);
  }

  async #measure(freeBytes: number, isUrgent: boolean): Promise<void> {
    const startedAt = performance.now();
    this.#usedBytes = await this.#measureUsed(isUrgent);
    this.#measuredAtMs = performance.now();
    this.#walkMs = this.#measuredAtMs - startedAt;
    this.#freeBytes = freeBytes;
    const capBytes = this.#capBytes;
    this.#limitBytes ??= this.#usedBytes > capBytes ? this.#usedBytes + cleaningBytes : capBytes;
    if (this.#leftBytes >= 0) return;
    this.#hasCrossed = true;
    this.#onCrossed(this.#usedBytes);
  }
}
