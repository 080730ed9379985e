import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** One measured piece of work. */
export interface Measured {
  durationMs: number;
  /** Largest resident memory of all its processes together, or null where it is not measured. */
  memoryBytesPeak: number | null;
  /** What the work alone took, without starting the program and opening its repository; null where it does not say. */
  insideMs: number | null;
}

export interface MeasuredProcess extends Measured {
  /** The end of what it wrote. */
  output: string;
}

export interface ProcessOptions {
  cwd?: string;
  env?: Record<string, string>;
}

const memoryPollMs = 20;
const outputKeptBytes = 20_000;

/** Runs a program from start to exit. Throws with the end of its output when it fails. */
export function measureProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<MeasuredProcess> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const keep = (part: Buffer): void => {
      output = (output + part.toString()).slice(-outputKeptBytes);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    let memoryBytesPeak = 0;
    const poll = setInterval(() => {
      if (child.pid !== undefined) memoryBytesPeak = Math.max(memoryBytesPeak, residentBytesPeak(child.pid));
    }, memoryPollMs);
    child.on("error", (cause) => {
      clearInterval(poll);
      reject(new Error(`cannot start ${command}`, { cause }));
    });
    child.on("close", (code, signal) => {
      const durationMs = performance.now() - startedMs;
      clearInterval(poll);
      if (code === 0)
        resolve({
          durationMs,
          memoryBytesPeak: memoryBytesPeak === 0 ? null : memoryBytesPeak,
          insideMs: null,
          output,
        });
      else reject(new Error(`${command} ${args.join(" ")} ended with ${signal ?? code}:\n${output}`));
    });
  });
}

/** The kernel's own high-water mark of a process and those below it, so that polling misses little. */
function residentBytesPeak(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const own = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    return children.reduce((sum, child) => sum + residentBytesPeak(Number(child)), own);
  } catch {
    // It ended between two looks.
    return 0;
  }
}

/** How long an asynchronous piece of work inside this process takes. */
export async function measure(work: () => unknown): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** What many times the same work took, in milliseconds. */
export interface Distribution {
  runs: number;
  minMs: number;
  medianMs: number;
  p95Ms: number;
  p99Ms: number;
  maxMs: number;
}

export function distribution(durationsMs: readonly number[]): Distribution {
  if (durationsMs.length === 0) throw new Error("no runs to describe");
  const sorted = [...durationsMs].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  const [p95Ms, p99Ms] = [at(0.95), at(0.99)];
  return { runs: sorted.length, minMs: at(0), medianMs: median(sorted), p95Ms, p99Ms, maxMs: at(1) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
  return (lower + upper) / 2;
}
