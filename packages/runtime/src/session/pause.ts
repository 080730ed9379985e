/** Nested pauses of a session count: its processes go on when each has been taken back. */
export class SessionPause {
  #pauses = 0;
  #resumed: Promise<void> = Promise.resolve();
  #resume: () => void = () => undefined;
  #stopping: Promise<void> = Promise.resolve();

  /** What makes the processes stand still, and go on. */
  constructor(private readonly processes: { stop: () => Promise<void>; goOn: () => Promise<void> }) {}

  get isOn(): boolean {
    return this.#pauses > 0;
  }

  /** Resolves when the pause that is on has been taken back; another may have begun by then. */
  get resumed(): Promise<void> {
    return this.#resumed;
  }

  /** Resolves when all stands still. When that fails, it goes on. */
  async begin(): Promise<void> {
    if (this.#pauses++ === 0) {
      this.#resumed = new Promise((resolve) => {
        this.#resume = resolve;
      });
      this.#stopping = this.processes.stop();
    }
    try {
      await this.#stopping;
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  async end(): Promise<void> {
    if (this.#pauses === 0 || --this.#pauses > 0) return;
    try {
      await this.processes.goOn();
    } finally {
      this.#resume();
    }
  }

  /** For a session that ends: there is nothing left to go on, and nobody is to wait for it. */
  lift(): void {
    this.#resume();
    this.#pauses = 0;
  }
}
