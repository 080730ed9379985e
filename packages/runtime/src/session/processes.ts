/** Stopping and continuing everything that runs in a session, in one step that no fork escapes. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { NetworkMode } from "../api.js";
import { RuntimeError } from "../errors.js";
import { PAUSE_MS_MAX } from "../limits.js";
import { requireProgram } from "../platform/programs.js";
import { run } from "../platform/run.js";
import { enterArguments } from "../sandbox/arguments.js";
import { currentArchitecture, systemCallNumber, type Architecture } from "../sandbox/seccomp/syscalls.js";
import type { HostUser } from "../sandbox/spec.js";

export interface ProcessesTarget {
  keeperPid: number;
  initPid: number;
  network: NetworkMode;
  user: HostUser | null;
  /** The session's `/proc` as the keeper sees it. */
  proc: string;
}

const POLL_MS = 1;

/** Stopped, traced, zombie or dead: not running, and not about to. */
const AT_REST = new Set(["T", "t", "Z", "X"]);

const CLONE_VFORK = 0x4000n;
const VFORK_NUMBER: Record<Architecture, number | null> = { x86_64: 58, aarch64: null };

/** The state letter of `/proc/PID/stat`; the name before it may hold anything, a closing parenthesis included. */
export function stateOf(stat: string): string {
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
}

/** `kill -1` reaches all processes of the namespace but init and the sender, with forks held back meanwhile. */
export async function signalAll(target: ProcessesTarget, signal: "STOP" | "CONT"): Promise<void> {
  const { code, stderr } = await run(
    requireProgram("nsenter"),
    [...enterArguments(target), "--", "/bin/sh", "-c", `kill -s ${signal} -- -1 2>&1 || [ $? = 1 ]`],
    { user: null },
  );
  if (code !== 0) throw new RuntimeError("pause_failed", `signal ${signal} could not be sent: ${stderr}`);
}

/**
 * A thread that waits in vfork for its child to become a program shows as waiting for a disk (`D`), for as long as
 * the child is stopped. `syscall` is `/proc/PID/task/TID/syscall`: the number, then the arguments.
 */
export function waitsInVfork(syscall: string, architecture: Architecture): boolean {
  const [number, flags] = syscall.split(" ");
  if (number === String(VFORK_NUMBER[architecture])) return true;
  const isClone = number === String(systemCallNumber("clone", architecture));
  return isClone && flags !== undefined && (BigInt(flags) & CLONE_VFORK) !== 0n;
}

function threadAtRest(task: string): boolean {
  const state = stateOf(readFileSync(`${task}/stat`, "latin1"));
  if (AT_REST.has(state)) return true;
  const architecture = currentArchitecture();
  if (state !== "D" || architecture === null) return false;
  return waitsInVfork(readFileSync(`${task}/syscall`, "latin1"), architecture);
}

function threadsAtRest(proc: string, pid: string): boolean {
  try {
    return readdirSync(`${proc}/${pid}/task`).every((task) => threadAtRest(`${proc}/${pid}/task/${task}`));
  } catch {
    return true; // Gone meanwhile.
  }
}

/** The session's `/proc`, by a path that leads there from this process. */
export function procAsSeen({ keeperPid, proc }: Pick<ProcessesTarget, "keeperPid" | "proc">): string {
  return `/proc/${String(keeperPid)}/root${proc}`;
}

/** Waits until no process of the session runs; a call into a slow disk is finished first. */
export async function untilStopped(target: ProcessesTarget): Promise<void> {
  const proc = procAsSeen(target);
  const deadline = performance.now() + PAUSE_MS_MAX;
  for (;;) {
    const pids = readdirSync(proc).filter((name) => /^\d+$/.test(name) && name !== "1");
    const running = pids.filter((pid) => !threadsAtRest(proc, pid));
    if (running.length === 0) return;
    if (performance.now() > deadline) {
      throw new RuntimeError("pause_failed", `${String(running.length)} processes did not stop`, {
        pids: running,
      });
    }
    await delay(POLL_MS);
  }
}
