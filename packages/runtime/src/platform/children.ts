/** Processes started by `posix_spawn`, which Node knows nothing of: their ends, told as Node tells those of its own. */
import { constants } from "node:os";
import { isMainThread } from "node:worker_threads";
import koffi from "koffi";
import { posixSpawnProgram } from "./posix-spawn.js";

export interface ProcessEnd {
  /** Null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface StartedProcess {
  readonly pid: number;
  /** Never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Does nothing once it has ended. */
  kill(signal: NodeJS.Signals): void;
}

const WNOHANG = 1;
const TIMER_MS_MAX = 2 ** 31 - 1;

const waitpid = koffi.load(null).func("int waitpid(int pid, _Out_ int *status, int options)") as (
  pid: number,
  status: Int32Array,
  options: number,
) => number;

const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals] as const),
);

export function signalName(number: number): NodeJS.Signals | null {
  return SIGNAL_NAMES.get(number) ?? null;
}

/** Linux' encoding of how a process ended. */
export function parseWaitStatus(status: number): ProcessEnd {
  const number = status & 0x7f;
  return number === 0
    ? { code: (status >> 8) & 0xff, signal: null }
    : { code: null, signal: signalName(number) ?? "SIGKILL" };
}

const running = new Map<number, (end: ProcessEnd) => void>();
let isListening = false;
let keepAlive: NodeJS.Timeout | undefined;

/** One signal may stand for several ends; those of Node's own children are left to Node. */
function reap(): void {
  const status = new Int32Array(1);
  for (const [pid, tell] of running) {
    if (waitpid(pid, status, WNOHANG) !== pid) continue;
    running.delete(pid);
    tell(parseWaitStatus(status[0] ?? 0));
  }
  if (running.size > 0) return;
  clearInterval(keepAlive);
  keepAlive = undefined;
}

/** Throws as `posixSpawnProgram` does. */
export function startProcess(...program: Parameters<typeof posixSpawnProgram>): StartedProcess {
  // Node tells only the main thread of signals, and a sandbox dies with the thread that started it.
  if (!isMainThread) throw new Error("programs can be started from the main thread only");
  if (!isListening) process.on("SIGCHLD", reap);
  isListening = true;
  const pid = posixSpawnProgram(...program);
  const ended = new Promise<ProcessEnd>((resolve) => running.set(pid, resolve));
  // A signal handler keeps no process running, but a child does.
  keepAlive ??= setInterval(() => undefined, TIMER_MS_MAX);
  return {
    pid,
    ended,
    // Until it is waited for, nobody else can have its number.
    kill: (signal) => void (running.has(pid) && process.kill(pid, signal)),
  };
}
