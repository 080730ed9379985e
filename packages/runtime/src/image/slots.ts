interface Waiting {
  owner: string;
  begin: () => void;
}

/**
 * At most so many at once, and of one owner one less, so that nobody keeps all others waiting. Those that wait come in order, but
 * those whose owner has one already let others go first.
 */
export class Slots {
  readonly #count: number;
  /** The owner of each that runs. */
  readonly #running: string[] = [];
  readonly #waiting: Waiting[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  /** Rejects with the signal's reason when it aborts before there is a slot; afterwards it is for `work` to heed. */
  async run<Result>(
    { owner, signal }: { owner: string; signal: AbortSignal },
    work: () => Promise<Result>,
  ): Promise<Result> {
    await this.#slot(owner, signal);
    try {
      return await work();
    } finally {
      this.#running.splice(this.#running.indexOf(owner), 1);
      this.#beginNext();
    }
  }

  async #slot(owner: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
      };
      const waiting = {
        owner,
        begin: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
      this.#beginNext();
    });
  }

  #beginNext(): void {
    if (this.#running.length >= this.#count) return;
    const byOthers = this.#waiting.find(({ owner }) => this.#runningOf(owner) === 0);
    const next = byOthers ?? this.#waiting.find(({ owner }) => this.#runningOf(owner) < this.#count - 1);
    if (next === undefined) return;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.#running.push(next.owner);
    next.begin();
  }

  #runningOf(owner: string): number {
    return this.#running.filter((one) => one === owner).length;
  }
}
