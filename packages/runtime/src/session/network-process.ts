import { spawn, type ChildProcess } from "node:child_process";
import { sealDescriptors } from "../platform/libc.js";
import { requireProgram } from "../platform/programs.js";
import type { HostUser } from "../sandbox/spec.js";

/** A session whose network exists. */
export interface NetworkTarget {
  keeperPid: number;
  initPid: number;
  user: HostUser | null;
}

/**
 * Runs a script of this package's own in a session's network namespace, and in nothing else of the session, with a channel to send
 * sockets over. As root it is started as root, because Node may lie where nobody else gets.
 */
export function spawnInNetwork(target: NetworkTarget, script: string, args: readonly string[]): ChildProcess {
  sealDescriptors();
  const user = process.getuid?.() === 0 ? [] : [`--user=/proc/${String(target.keeperPid)}/ns/user`];
  return spawn(
    requireProgram("nsenter"),
    [
      ...["--preserve-credentials", ...user, `--net=/proc/${String(target.initPid)}/ns/net`],
      ...["--", process.execPath, script, ...args],
    ],
    // Ctrl-C in the server's terminal must not reach it before the server has ended its sessions.
    { cwd: "/", env: {}, detached: true, stdio: ["ignore", "ignore", "pipe", "ipc"] },
  );
}
