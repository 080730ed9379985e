import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { DIAGNOSTIC_BYTES_MAX } from "../limits.js";
import type { HostUser } from "../sandbox/spec.js";
import { startProcess, type StartedProcess } from "./children.js";
import { sealDescriptors } from "./libc.js";

/** For helper programs of the host only; what runs in a sandbox gets an environment of its own. */
const HELPER_ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

/**
 * Starts a program with nothing of this process but the descriptors in `stdio`: an empty environment but for
 * what is asked for, no inherited descriptor, no supplementary group (Node drops them with the user), and a session of its own, so that
 * Ctrl-C in the server's terminal does not reach it.
 */
export function launch(
  file: string,
  args: readonly string[],
  options: { user: HostUser | null; stdio: StdioOptions; environment?: Readonly<Record<string, string>> },
): ChildProcess {
  sealDescriptors();
  return spawn(file, args, {
    cwd: "/",
    env: { ...HELPER_ENVIRONMENT, ...options.environment },
    detached: true,
    stdio: options.stdio,
    ...(options.user ?? {}),
  });
}

/**
 * The same for what a session needs each time, at a fraction of the cost, and with bare descriptors: `stdio[n]` becomes descriptor n,
 * and the program has no other. It runs as this process's user. Throws when it cannot be started.
 */
export function start(file: string, args: readonly string[], stdio: readonly number[]): StartedProcess {
  sealDescriptors();
  return startProcess(file, args, { stdio, environment: HELPER_ENVIRONMENT });
}

/** Keeps the first part of what a program printed, for its error message. */
export function collectText(stream: NodeJS.ReadableStream | null): () => string {
  let text = "";
  stream?.on("data", (chunk: Buffer) => {
    if (text.length < DIAGNOSTIC_BYTES_MAX) text += chunk.toString("utf8");
  });
  stream?.on("error", () => undefined);
  return () => text.slice(0, DIAGNOSTIC_BYTES_MAX).trim();
}

export interface HelperResult {
  code: number | null;
  stderr: string;
}

/** Runs a short helper program to its end. Rejects when it cannot be started. */
export function run(
  file: string,
  args: readonly string[],
  options: { user: HostUser | null; input?: string; timeoutMs?: number },
): Promise<HelperResult> {
  return new Promise((resolve, reject) => {
    const child = launch(file, args, {
      user: options.user,
      stdio: [options.input === undefined ? "ignore" : "pipe", "ignore", "pipe"],
    });
    const stderr = collectText(child.stderr);
    const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 10_000);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stderr: stderr() });
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input);
  });
}
