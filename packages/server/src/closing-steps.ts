import type { Logger } from "./log.js";

type Step = () => void | Promise<void>;

/** What has to be closed, in the opposite order of how it was opened. A step that fails does not keep the others. */
export class ClosingSteps {
  readonly #steps: Step[] = [];
  #running: Promise<void> | undefined;

  add(step: Step): void {
    this.#steps.push(step);
  }

  /** Idempotent. */
  run(log: Logger): Promise<void> {
    return (this.#running ??= this.#run(log));
  }

  async #run(log: Logger): Promise<void> {
    for (const step of this.#steps.reverse())
      try {
        await step();
      } catch (error) {
        log.error("close", error);
      }
  }
}
