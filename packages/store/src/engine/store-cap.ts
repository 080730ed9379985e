/**
 * Keeps a store below its cap. What the store holds is measured by a walk, whose cost is bounded: far from the cap a figure
 * serves for fifty times as long as it took to make, so that at most 2 % of the time goes into walks. It is far from the cap when
 * what processes may write onto its disks meanwhile fits below; else, and before anything is refused, it is made anew.
 */
import { allocatedUnder } from "../platform/allocated.js";
import { quotaExceeded, type Room } from "../platform/capped-files.js";
import type { Files } from "../platform/files.js";

/** A figure serves for as long as its walk took, times this. */
const figureLifetimeFactor = 50;
/** At least this long: two operations in a row need no walk each. */
const figureLifetimeMsMin = 1000;
/** What processes write onto disks unseen: half a gigabyte a second. */
const unseenBytesPerMs = 500_000;
/** What the least operation takes: a ref, a record, a lease, a directory or two. With less room nothing is begun. */
export const leastBytes = 32 * 1024;

interface Figure {
  leftBytes: number;
  lifetimeMs: number;
  validUntilMs: number;
}

export class StoreCap implements Room {
  readonly #files: Files;
  readonly #root: string;
  readonly #capBytes: number;
  #figure: Figure | null = null;
  #armed = false;

  get isSet(): boolean {
    return this.#capBytes !== Infinity;
  }

  /** `files`: those that nothing limits. `capBytes`: Infinity for none. */
  constructor(files: Files, root: string, capBytes: number) {
    this.#files = files;
    this.#root = root;
    this.#capBytes = capBytes;
  }

  /** Runs what may make the store grow. Code `quota_exceeded` before it begins when nothing fits, or at the write that crosses the cap. */
  within<Result>(run: () => Result): Result {
    if (!this.isSet) return run();
    this.expect(leastBytes);
    this.#armed = true;
    try {
      return run();
    } finally {
      this.#armed = false;
    }
  }

  /** For what cannot stop half way, and can foretell what it needs. Code `quota_exceeded` when that is more than is left. */
  expect(bytes: number): void {
    if (!this.#isTrusted()) this.#measure();
    if (this.#left() < bytes) this.#require(bytes);
  }

  take(bytes: number): void {
    if (!this.#armed || bytes === 0) return;
    if (this.#left() < bytes) this.#require(bytes);
    if (this.#figure !== null) this.#figure.leftBytes -= bytes;
  }

  #left(): number {
    return this.#figure?.leftBytes ?? 0;
  }

  /** Measures anew, because what was counted includes what is gone again. */
  #require(bytes: number): void {
    const usedBytes = this.#measure();
    if (this.#left() < bytes)
      throw quotaExceeded({ unit: "bytes", used: usedBytes, cap: this.#capBytes, needed: bytes });
  }

  #isTrusted(): boolean {
    const figure = this.#figure;
    if (figure === null || performance.now() > figure.validUntilMs) return false;
    return figure.leftBytes > unseenBytesPerMs * figure.lifetimeMs;
  }

  #measure(): number {
    const startedAt = performance.now();
    const usedBytes = allocatedUnder(this.#files, this.#root);
    const endedAt = performance.now();
    const lifetimeMs = Math.max(figureLifetimeMsMin, (endedAt - startedAt) * figureLifetimeFactor);
    this.#figure = {
      leftBytes: this.#capBytes - usedBytes,
      lifetimeMs,
      validUntilMs: endedAt + lifetimeMs,
    };
    return usedBytes;
  }
}
