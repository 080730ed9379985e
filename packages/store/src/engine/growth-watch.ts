/**
 * Watches what processes write, and says when it crosses a cap. Asking the filesystem for its free space and inodes
 * costs next to nothing; what grew is walked only when some were lost since the last walk, or some seconds have passed,
 * and then at most 2 % of the time, or 10 % when as much was lost as is left below the cap.
 */
import { statfs } from "node:fs/promises";
import type { CapCrossed, GrowthOptions, GrowthWatch, PauseHook } from "../api.js";
import type { Taken } from "../platform/allocated.js";
import { CapGauge } from "./cap-gauge.js";

export interface Measures {
  /** What is used now by what has a name. */
  named: () => Promise<Taken>;
  /** Bytes of what has none; asked only where what has one is within the cap by itself. */
  unnamed: () => Promise<number>;
  /** Makes writers stand still when as much may have been written as was left. Resolves to what lets them go on. */
  pause?: PauseHook;
}

/** How often it is looked. */
const intervalMsDefault = 200;
/** A walk may take one part in this many of the time. */
const calmFactor = 50;
const urgentFactor = 10;
/** After this it is walked although nothing was lost: somebody else may have freed as much as was written here. */
const quietMsMax = 10_000;

/** `directory`: on the filesystem that is written to. `cap`: Infinity for none. */
export function watchGrowth(
  directory: string,
  measures: Measures,
  cap: Taken,
  { intervalMs = intervalMsDefault, onCrossed, onError }: Omit<GrowthOptions, "capBytes">,
): GrowthWatch {
  const looking = new Looking(directory, measures, cap);
  let isClosed = false;
  const look = async (): Promise<void> => {
    const crossed = await looking.look();
    if (crossed !== null && !isClosed) onCrossed(crossed);
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      // A disk that goes away is taken from under the walk.
      if (!isClosed) onError(error, looking.failures);
    });
  }, intervalMs).unref();
  return {
    close: () => {
      isClosed = true;
      clearInterval(timer);
    },
  };
}

class Looking {
  /** Looks that failed since something was measured. */
  failures = 0;
  readonly #directory: string;
  readonly #measures: Measures;
  readonly #gauges: readonly CapGauge[];
  #measuredAtMs: number | null = null;
  #walkMs = 0;
  #isLooking = false;
  #hasCrossed = false;

  constructor(directory: string, measures: Measures, { bytes, inodes }: Taken) {
    this.#directory = directory;
    this.#measures = measures;
    this.#gauges = [new CapGauge("bytes", bytes), new CapGauge("inodes", inodes)];
  }

  /** Looks once. Null when nothing was crossed, and at once while the last look is not done. Rejects as `statfs` and `measure` do. */
  async look(): Promise<CapCrossed | null> {
    if (this.#isLooking || this.#hasCrossed) return null;
    this.#isLooking = true;
    try {
      const { bavail, bsize, ffree } = await statfs(this.#directory);
      const free = { bytes: bavail * bsize, inodes: ffree };
      for (const gauge of this.#gauges) gauge.see(free);
      const isUrgent = this.#measuredAtMs !== null && this.#gauges.some(({ mayBeCrossed }) => mayBeCrossed);
      return this.#isDue(isUrgent) ? await this.#measure(free, isUrgent) : null;
    } catch (error) {
      this.failures += 1;
      throw error;
    } finally {
      this.#isLooking = false;
    }
  }

  #isDue(isUrgent: boolean): boolean {
    if (this.#measuredAtMs === null) return true;
    const sinceMs = performance.now() - this.#measuredAtMs;
    if (isUrgent) return sinceMs >= this.#walkMs * urgentFactor;
    const isLosing = this.#gauges.some((gauge) => gauge.isLosing);
    return sinceMs >= this.#walkMs * calmFactor && (isLosing || sinceMs >= quietMsMax);
  }

  async #measure(free: Taken, isUrgent: boolean): Promise<CapCrossed | null> {
    const { named, unnamed, pause } = this.#measures;
    const goOn = isUrgent ? await pause?.() : undefined;
    try {
      const startedAtMs = performance.now();
      const used = await named();
      // Alone: whoever holds what has no name bounds what it takes to find it, and must not make this wait.
      this.#walkMs = performance.now() - startedAtMs;
      const crossed = this.#set(used, free);
      if (crossed !== null) return crossed;
      const all = { ...used, bytes: used.bytes + (await unnamed()) };
      this.failures = 0;
      this.#measuredAtMs = performance.now();
      return this.#set(all, free);
    } finally {
      await goOn?.();
    }
  }

  #set(used: Taken, free: Taken): CapCrossed | null {
    for (const gauge of this.#gauges) gauge.set(used, free);
    const crossed = this.#gauges.find(({ isCrossed }) => isCrossed);
    if (crossed === undefined) return null;
    this.#hasCrossed = true;
    return { unit: crossed.unit, used: used[crossed.unit] };
  }
}
