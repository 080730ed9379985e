import type { Execution } from "../api.js";
import { CAPTURE_DRAIN_MS } from "../limits.js";

/** Knows when a command's output is complete. Made before the command can end. */
export class OutputEnd {
  readonly #closed: Promise<unknown>;

  constructor(execution: Pick<Execution, "stdout" | "stderr">) {
    this.#closed = Promise.all(
      [execution.stdout, execution.stderr].map(
        (stream) =>
          new Promise<void>((resolve) => {
            if (stream.readableEnded || stream.destroyed) resolve();
            stream.once("end", resolve);
            stream.once("close", resolve);
          }),
      ),
    );
  }

  /**
   * To be waited for once the command has ended. A process that it left in the background may hold the pipes for ever;
   * what the command wrote is in them by now, so a moment is enough to read it.
   */
  async reached(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      // Not from the timer itself: on a busy machine it may be late, and what is in the pipes has not been looked at since.
      timer = setTimeout(() => setImmediate(resolve), CAPTURE_DRAIN_MS);
    });
    await Promise.race([this.#closed, grace]);
    clearTimeout(timer);
  }
}
