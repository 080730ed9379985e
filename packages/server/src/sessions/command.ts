import type { Writable } from "node:stream";
import { capture, type ExecResult, type Execution } from "@chaser/runtime";

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
  | { event: "stdout" | "stderr"; data: { data: string } }
  | {
      event: "complete";
      data: {
        exit_code: number;
        signal: string | null;
        timed_out: boolean;
        duration_ms: number;
        output_bytes: number;
        output_truncated: boolean;
      };
    };

/**
 * What a command does, as it does it. Output is base64, so that every byte survives. Nothing is buffered: while
 * nobody takes the next event the command's pipes fill up and it waits. Output beyond the cap is counted and dropped.
 */
export async function* commandEvents(
  execution: Execution,
  options: { stdin: string | undefined; maxOutputBytes: number | undefined },
): AsyncGenerator<CommandEvent> {
  const cap = options.maxOutputBytes ?? Number.POSITIVE_INFINITY;
  feed(execution.stdin, options.stdin);
  let outputBytes = 0;
  for await (const { name, chunk } of merge({ stdout: execution.stdout, stderr: execution.stderr })) {
    const kept = chunk.subarray(0, Math.max(0, cap - outputBytes));
    outputBytes += chunk.length;
    if (kept.length > 0) yield { event: name, data: { data: kept.toString("base64") } };
  }
  const result = await execution.completed;
  yield {
    event: "complete",
    data: {
      exit_code: result.exitCode,
      signal: result.signal,
      timed_out: result.timedOut,
      duration_ms: Math.round(result.durationMs),
      output_bytes: outputBytes,
      output_truncated: outputBytes > cap,
    },
  };
}

/** A command may end without reading its input; the broken pipe is then no error of ours. */
function feed(stdin: Writable, text: string | undefined): void {
  stdin.on("error", () => {});
  stdin.end(text);
}

type Named<Name extends string> = Record<Name, AsyncIterable<Buffer>>;

/** Chunks of several streams in the order of their arrival, none of them read ahead. */
async function* merge<Name extends string>(
  streams: Named<Name>,
): AsyncGenerator<{ name: Name; chunk: Buffer }> {
  const next = (name: Name, iterator: AsyncIterator<Buffer>) =>
    iterator.next().then((step) => ({ name, iterator, step }));
  const waiting = new Map<Name, ReturnType<typeof next>>();
  for (const name of Object.keys(streams) as Name[])
    waiting.set(name, next(name, streams[name][Symbol.asyncIterator]()));
  while (waiting.size > 0) {
    const { name, iterator, step } = await Promise.race(waiting.values());
    if (step.done === true) {
      waiting.delete(name);
      continue;
    }
    yield { name, chunk: step.value };
    waiting.set(name, next(name, iterator));
  }
}
