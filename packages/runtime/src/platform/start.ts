import { openSync } from "node:fs";
import { Socket } from "node:net";
import type { HostUser } from "../sandbox/spec.js";
import { startProcess, type StartedProcess } from "./children.js";
import { createPipe, sealDescriptors } from "./libc.js";
import { requireProgram } from "./programs.js";
import { HELPER_ENVIRONMENT } from "./spawn.js";

/** Becomes `user`, with no supplementary group, before it becomes the program. */
function asUser({ uid, gid }: HostUser): string[] {
  return ["--reuid", String(uid), "--regid", String(gid), "--clear-groups", "--"];
}

/**
 * Starts what a session needs each time as `launch` does, at a fraction of the cost and with bare descriptors: `stdio[n]` becomes descriptor n,
 * and the program has no other. Throws when it cannot be started; with another user, it ends at once instead.
 */
export function start(
  file: string,
  args: readonly string[],
  { user, stdio }: { user: HostUser | null; stdio: readonly number[] },
): StartedProcess {
  const [program, ...all] =
    user === null ? [file, ...args] : [requireProgram("setpriv"), ...asUser(user), file, ...args];
  sealDescriptors();
  return startProcess(program, all, { stdio, environment: HELPER_ENVIRONMENT });
}

/** An end for a program to write to, which the caller closes, and the stream of what it writes. */
export function openOutput(): { writeEnd: number; stream: Socket } {
  const { readEnd, writeEnd } = createPipe();
  const stream = new Socket({ fd: readEnd, readable: true, writable: false });
  stream.on("error", () => undefined);
  return { writeEnd, stream };
}

/** Settles when nothing more comes. A program's last words have been read then. */
export function untilClosed(stream: Socket): Promise<void> {
  return new Promise((resolve) => {
    stream.once("close", () => {
      resolve();
    });
  });
}

/** For programs that are given no input, or whose output nobody reads. The caller closes it. */
export function openNull(): number {
  return openSync("/dev/null", "r+");
}
