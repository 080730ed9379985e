import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { DIAGNOSTIC_BYTES_MAX } from "../limits.js";
import type { HostUser } from "../sandbox/spec.js";
import { sealDescriptors } from "./libc.js";

/** For helper programs of the host only; what runs in a sandbox gets an environment of its own. */
export const HELPER_ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

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

/** Keeps the last part of what a program printed, for its error message: what it says last is why it ended. */
export function collectText(stream: NodeJS.ReadableStream | null): () => string {
  let text = "";
  stream?.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString("utf8")).slice(-DIAGNOSTIC_BYTES_MAX);
  });
  stream?.on("error", () => undefined);
  return () => text.trim();
}
