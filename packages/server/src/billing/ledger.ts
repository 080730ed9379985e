/**
 * How much of a cap is used, and how much of the rest is promised to work that has not yet written it. Whoever is about to write
 * takes room first, so that many at once stay below the cap together, whatever order they come in.
 */

export interface Cap {
  capBytes: number;
  /** What is used now. Takes time in proportion to what is measured. */
  measure: () => Promise<number>;
  /** The error that says so. `neededBytes`: what was asked for. */
  full: (usedBytes: number, neededBytes: number) => Error;
}

/** Room that was taken and is not measured yet. */
interface Promised {
  bytes: number;
}

/** Below this share of a cap, promises included, the last figure is good enough; above, the exact one is awaited. */
const comfortableShare = 0.8;

export class Ledger {
  readonly #cap: Cap;
  /** Promised to work that still goes on. */
  readonly #open = new Set<Promised>();
  /** Of work that ended after the last measuring began, so that the figure may lack what it wrote. */
  #unmeasured: Promised[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #next: Promise<number> | null = null;
  #usedBytes: number | null = null;
  #measuredAtMs = 0;
  #hasGrown = false;

  constructor(cap: Cap) {
    this.#cap = cap;
  }

  /** As last measured; null when it never was. */
  get lastBytes(): number | null {
    return this.#usedBytes;
  }

  /** What is used now. Measures one after the other, and once for all who wait. */
  measure(): Promise<number> {
    return (this.#next ??= this.#last
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return (this.#last = this.#measure());
      }));
  }

  async #measure(): Promise<number> {
    this.#hasGrown = false;
    const begun = new Set(this.#unmeasured);
    const usedBytes = await this.#cap.measure();
    this.#unmeasured = this.#unmeasured.filter((promised) => !begun.has(promised));
    this.#usedBytes = usedBytes;
    this.#measuredAtMs = Date.now();
    return usedBytes;
  }

  /**
   * Takes room before it is written to. Rejects with `full` when less is left; `graceBytes` may be taken beyond the cap. A figure
   * that nobody has asked for yet is measured, unless `whenUnknown` is "grant".
   */
  async take(
    bytes: number,
    options: { graceBytes?: number; whenUnknown?: "measure" | "grant" } = {},
  ): Promise<Promised> {
    const { graceBytes = 0, whenUnknown = "measure" } = options;
    const { capBytes } = this.#cap;
    const isTrusted =
      this.#usedBytes === null ? whenUnknown === "grant" : this.#needed(bytes) < capBytes * comfortableShare;
    if (!isTrusted) {
      await this.measure();
      // From here on nothing waits, so nobody takes the same room.
      if (this.#needed(bytes) > capBytes + graceBytes) throw this.#cap.full(this.#usedBytes ?? 0, bytes);
    }
    const promised = { bytes };
    this.#open.add(promised);
    this.#hasGrown = true;
    return promised;
  }

  /** The work is done, or will not be: what it wrote is measured from now on. Idempotent. */
  settle(promised: Promised): void {
    if (this.#open.delete(promised)) this.#unmeasured.push(promised);
  }

  /** True when something was allowed to grow since the last figure, and that is older than `ageMs`. */
  isDue(nowMs: number, ageMs: number): boolean {
    return this.#hasGrown && nowMs - this.#measuredAtMs > ageMs;
  }

  #needed(bytes: number): number {
    const sum = (all: Iterable<Promised>): number => [...all].reduce((total, one) => total + one.bytes, 0);
    return (this.#usedBytes ?? 0) + sum(this.#open) + sum(this.#unmeasured) + bytes;
  }
}
