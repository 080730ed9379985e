/**
 * Threads that help to compare a directory with the last walk of it. They come up while that walk is still read from the
 * disk, for this takes about as long.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Fd } from "../platform/files.js";

/** A thread takes some 50 ms to come up: about what it takes to ask for the states in so much of a walk, 30,000 of them. */
const walkBytesPerThread = 1_200_000;
const threadsMax = 3;

/** What the threads share. */
export interface ComparisonMemory {
  walk: Uint8Array;
  /** The next directory that nobody has taken, and how many are done. */
  counters: Int32Array;
  /** One byte a directory: 1 when it is as it was. */
  same: Uint8Array;
}

export interface ComparisonTask {
  memory: ComparisonMemory;
  root: Fd;
}

export class ComparisonThreads {
  readonly #threads: Worker[] = [];

  /** As many as are worth it for a walk of so many bytes. */
  startFor(walkBytes: number): void {
    this.start(Math.min(threadsMax, availableParallelism() - 1, Math.floor(walkBytes / walkBytesPerThread)));
  }

  start(count: number): void {
    for (let n = 0; n < count; n++) {
      const thread = new Worker(new URL("./unchanged-thread.js", import.meta.url), { execArgv: [] });
      thread.unref();
      // One that fails only makes the others do its work.
      thread.on("error", () => undefined);
      this.#threads.push(thread);
    }
  }

  /** All that were started help with this, and end. */
  join(task: ComparisonTask): void {
    this.#give(task);
  }

  /** Those that have nothing to do end. Idempotent. */
  dismiss(): void {
    this.#give(null);
  }

  #give(task: ComparisonTask | null): void {
    for (const thread of this.#threads.splice(0)) thread.postMessage(task);
  }
}
