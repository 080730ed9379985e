/** How far what is written is from one cap, by the last walk and by what the filesystem lost since. */
import type { CapUnit } from "../platform/capped-files.js";
import type { Taken } from "../platform/allocated.js";

/** What is over a cap from the start may be read and cleaned, for which some small things have to be written. */
export const cleaning: Taken = { bytes: 4 * 1024 * 1024, inodes: 1000 };

export class CapGauge {
  readonly unit: CapUnit;
  readonly #cap: number;
  #limit: number | null = null;
  #used = 0;
  /** The most since the last walk: what others freed meanwhile must not hide what was written. */
  #mostFree = 0;
  #free = 0;

  /** `cap`: Infinity for none. */
  constructor(unit: CapUnit, cap: number) {
    this.unit = unit;
    this.#cap = cap;
  }

  /** A walk found so much used, and before it so much was free. */
  set(used: Taken, free: Taken): void {
    this.#used = used[this.unit];
    this.#free = this.#mostFree = free[this.unit];
    this.#limit ??= this.#used > this.#cap ? this.#used + cleaning[this.unit] : this.#cap;
  }

  get isCrossed(): boolean {
    return this.#left < 0;
  }

  /** So much is free now. */
  see(free: Taken): void {
    this.#free = free[this.unit];
    this.#mostFree = Math.max(this.#mostFree, this.#free);
  }

  /** Something was written since the last walk, here or elsewhere. Where there is no cap, nobody cares. */
  get isLosing(): boolean {
    return this.#cap !== Infinity && this.#lost > 0;
  }

  /** As much was lost as was left. */
  get mayBeCrossed(): boolean {
    return this.isLosing && this.#lost >= this.#left;
  }

  get #lost(): number {
    return this.#mostFree - this.#free;
  }

  get #left(): number {
    return (this.#limit ?? 0) - this.#used;
  }
}
