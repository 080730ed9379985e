import type { Readable } from "node:stream";
import { capture, type ExecResult, type Execution } from "@chaser/runtime";

/** A pipe holds 64 KiB, and a stream about as much again; nothing of a command that has ended comes later than this. */
const drainBytesMax = 1024 * 1024;
const drainSilenceMs = 100;

export interface CommandOutcome extends ExecResult {
  stdout: Buffer;
  stderr: Buffer;
  /** Both, in the order in which they arrived. */
  output: Buffer;
  outputTruncated: boolean;
}

/** Waits for a command and keeps at most `maxOutputBytes` of what it prints. Aborting kills it. */
export async function collect(
  execution: Execution,
  options: { stdin: string | undefined; maxOutputBytes: number; signal: AbortSignal },
): Promise<CommandOutcome> {
  const { stdin, maxOutputBytes, signal } = options;
  return capture(execution, {
    maxOutputBytes,
    signal,
    ...(stdin === undefined ? {} : { stdin: Buffer.from(stdin) }),
  });
}

export type CommandEvent =
  | { event: "stdout" | "stderr"; bytes: Buffer }
  | { event: "complete"; result: ExecResult; outputBytes: number; truncated: boolean };

/**
 * What a command does, as it does it. Nothing is buffered: while
 * nobody takes the next event the command's pipes fill up and it waits. Output beyond the cap is counted and dropped.
 * Rejects as `execution.completed` does.
 */
export async function* commandEvents(
  execution: Execution,
  options: { stdin: string | undefined; stdinOpen: boolean; maxOutputBytes: number | undefined },
): AsyncGenerator<CommandEvent> {
  const cap = options.maxOutputBytes ?? Number.POSITIVE_INFINITY;
  if (!options.stdinOpen) execution.stdin.end(options.stdin);
  let outputBytes = 0;
  try {
    for await (const { name, chunk } of outputOf(execution)) {
      const kept = chunk.subarray(0, Math.max(0, cap - outputBytes));
      outputBytes += chunk.length;
      if (kept.length > 0) yield { event: name, bytes: kept };
    }
    const result = await execution.completed;
    yield { event: "complete", result, outputBytes, truncated: outputBytes > cap };
  } finally {
    execution.stdin.destroy();
    execution.stdout.destroy();
    execution.stderr.destroy();
  }
}

interface OutputChunk {
  name: "stdout" | "stderr";
  chunk: Buffer;
}

/**
 * Chunks of both streams about in the order of their arrival, none of them read ahead. A process that the command left
 * in the background may hold the pipes for ever, so once the command has ended only what it can have left in them is
 * read: until they are empty, and never more than they hold. One bell serves for all that is waited for, because a
 * promise that each chunk of an endless stream waits on would remember every one of them.
 */
async function* outputOf(execution: Execution): AsyncGenerator<OutputChunk> {
  const streams = { stdout: execution.stdout, stderr: execution.stderr };
  const bell = new Bell();
  for (const stream of Object.values(streams))
    for (const event of ["readable", "end", "close"] as const) stream.on(event, () => bell.ring());
  let ended = false;
  const end = (): void => {
    ended = true;
    bell.ring();
  };
  execution.completed.then(end, end);

  let drainedBytes = 0;
  for (;;) {
    let silent = true;
    for (const name of ["stdout", "stderr"] as const) {
      const chunk = streams[name].read() as Buffer | null;
      if (chunk === null) continue;
      silent = false;
      if (ended) drainedBytes += chunk.length;
      yield { name, chunk };
    }
    if (!silent && drainedBytes < drainBytesMax) continue;
    if (drainedBytes >= drainBytesMax || (hasEnded(streams.stdout) && hasEnded(streams.stderr))) return;
    if (!(await bell.heard(ended ? drainSilenceMs : null))) return;
  }
}

function hasEnded(stream: Readable): boolean {
  return stream.readableEnded || stream.destroyed;
}

/** Wakes one listener, also when it rang before the listener came. */
class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Waits for a ring; false when none came within `timeoutMs` (null: waits for ever). */
  async heard(timeoutMs: number | null): Promise<boolean> {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        const timer = timeoutMs === null ? undefined : setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    const rung = this.#rung;
    this.#rung = false;
    this.#wake = undefined;
    return rung;
  }
}
