import { RuntimeError } from "../errors.js";
import { COMMANDS_KEPT_MAX, COMMANDS_RUNNING_MAX, SESSION_LOGS_BYTES_MAX } from "../limits.js";
import type { SessionCommand } from "./command.js";

/**
 * The commands of one session: all that run, and those that ended lately. One in the foreground is forgotten when it
 * ends, because its caller has the result.
 */
export class CommandRegistry {
  /** In the order of their start. */
  readonly #commands = new Map<string, SessionCommand>();

  /** Throws code `too_many_commands` when no other may run without someone who waits for it. */
  assertRoom(): void {
    let running = 0;
    for (const { kind, state } of this.#commands.values())
      if (kind !== "foreground" && state === "running") running += 1;
    if (running >= COMMANDS_RUNNING_MAX)
      throw new RuntimeError(
        "too_many_commands",
        `${String(running)} commands and terminals are running in the background of this session, the most there may be`,
        { running },
      );
  }

  add(command: SessionCommand): void {
    this.#commands.set(command.id, command);
    void command.ended.then(() => {
      if (command.kind === "foreground") this.#commands.delete(command.id);
      else this.#forgetOldest();
    });
  }

  get(id: string): SessionCommand | undefined {
    return this.#commands.get(id);
  }

  /** Newest first. */
  list(): SessionCommand[] {
    return [...this.#commands.values()].reverse();
  }

  /** Holds all logs together to their cap: what ended first is dropped first, then the largest log's beginning. */
  trimLogs(): void {
    let bytes = 0;
    for (const { output } of this.#commands.values()) bytes += output?.costBytes ?? 0;
    while (bytes > SESSION_LOGS_BYTES_MAX) {
      const log = this.#firstToDropFrom()?.output;
      const before = log?.costBytes ?? 0;
      if (log?.dropOldest() !== true) return;
      bytes -= before - log.costBytes;
    }
  }

  #firstToDropFrom(): SessionCommand | undefined {
    const kept = [...this.#commands.values()].filter(({ output }) => (output?.costBytes ?? 0) > 0);
    const ended = kept.filter(({ endedAtMs }) => endedAtMs !== null);
    if (ended.length > 0) return ended.reduce((a, b) => ((b.endedAtMs ?? 0) < (a.endedAtMs ?? 0) ? b : a));
    return kept.length === 0
      ? undefined
      : kept.reduce((a, b) => ((b.output?.costBytes ?? 0) > (a.output?.costBytes ?? 0) ? b : a));
  }

  #forgetOldest(): void {
    const ended = [...this.#commands.values()].filter(({ endedAtMs }) => endedAtMs !== null);
    ended.sort((a, b) => (a.endedAtMs ?? 0) - (b.endedAtMs ?? 0));
    for (const { id } of ended.slice(0, Math.max(0, ended.length - COMMANDS_KEPT_MAX)))
      this.#commands.delete(id);
  }
}
