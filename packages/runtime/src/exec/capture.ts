import type { ExecResult, Execution } from "../api.js";
import { CAPTURE_OUTPUT_BYTES_DEFAULT } from "../limits.js";
import { OutputEnd } from "./output-end.js";
import { drain } from "./output-pipe.js";

export interface CapturedResult extends ExecResult {
  stdout: Buffer;
  stderr: Buffer;
  /** Both, in the order in which they arrived. */
  output: Buffer;
  /** What the command wrote in all; more than `output` holds when `outputTruncated`. */
  outputBytes: number;
  outputTruncated: boolean;
}

export interface CaptureOptions {
  /** Kept of both streams together. Default: what the command was started with, else 1 MiB. */
  maxOutputBytes?: number;
  stdin?: Uint8Array | string;
  /** Kills the command's process group and rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Output beyond the cap is counted and dropped, so that the command never stalls and memory stays bounded. */
class OutputBuffer {
  readonly #all: Buffer[] = [];
  readonly #streams = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  #keptBytes = 0;
  totalBytes = 0;

  constructor(readonly maxBytes: number) {}

  add(stream: "stdout" | "stderr", chunk: Buffer): void {
    this.totalBytes += chunk.length;
    const room = this.maxBytes - this.#keptBytes;
    if (room <= 0) return;
    const kept = Buffer.from(chunk.subarray(0, room));
    this.#keptBytes += kept.length;
    this.#all.push(kept);
    this.#streams[stream].push(kept);
  }

  result(): Pick<CapturedResult, "stdout" | "stderr" | "output" | "outputBytes" | "outputTruncated"> {
    return {
      stdout: Buffer.concat(this.#streams.stdout),
      stderr: Buffer.concat(this.#streams.stderr),
      output: Buffer.concat(this.#all),
      outputBytes: this.totalBytes,
      outputTruncated: this.totalBytes > this.#keptBytes,
    };
  }
}

/** Runs a command to its end and gives its output. Rejects as `completed` does. */
export async function capture(execution: Execution, options: CaptureOptions = {}): Promise<CapturedResult> {
  const buffer = new OutputBuffer(
    options.maxOutputBytes ?? execution.maxOutputBytes ?? CAPTURE_OUTPUT_BYTES_DEFAULT,
  );
  const end = new OutputEnd(execution);
  for (const name of ["stdout", "stderr"] as const)
    drain(execution[name], (bytes) => {
      buffer.add(name, bytes);
    });
  const abort = (): void => {
    execution.kill("SIGKILL");
  };
  options.signal?.addEventListener("abort", abort, { once: true });
  if (options.signal?.aborted === true) abort();
  execution.stdin.end(options.stdin);
  try {
    const result = await execution.completed;
    await end.reached();
    options.signal?.throwIfAborted();
    const output = buffer.result();
    const limitsHit = output.outputTruncated ? [...result.limitsHit, "output" as const] : result.limitsHit;
    return { ...result, limitsHit, ...output };
  } finally {
    options.signal?.removeEventListener("abort", abort);
    execution.stdin.destroy();
    execution.stdout.destroy();
    execution.stderr.destroy();
  }
}
