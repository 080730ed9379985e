/** One command in a session: a process of its own on the host, whose stdio are plain pipes of this process. */
import { randomUUID } from "node:crypto";
import { closeSync, readFileSync, readlinkSync, writeFileSync, writeSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import type { ExecResult, Execution, TerminalSize } from "../api.js";
import type { SessionGroup } from "../cgroup/group.js";
import { RuntimeError } from "../errors.js";
import { OOM_SCORE_ADJUST, type LimitName } from "../limits.js";
import { createMemoryFile, createPipe } from "../platform/libc.js";
import { memoryFileOf, readWhole } from "../platform/memory-file.js";
import type { StartedProcess, ProcessEnd } from "../platform/children.js";
import { start } from "../platform/start.js";
import { encodeArguments, EXEC_FD } from "../sandbox/arguments.js";
import { limitProcess, type ResourceLimit } from "../sandbox/limits.js";
import type { HostUser } from "../sandbox/spec.js";
import { parseStatus, type SandboxStatus } from "../sandbox/status.js";
import { interpretEnding } from "./result.js";
import { closeChildEnds, destroyStdio, openPipes, openTerminalStdio, type Stdio } from "./stdio.js";

const KILL_RETRY_MS = 2;
const START_POLL_MS = 1;
/** A set-up that has not started the command by then is killed itself. */
const KILL_SETUP_MS = 5_000;
const DIAGNOSTIC_MS = 500;
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface ExecutionPlan {
  nsenter: string;
  bwrap: string;
  enter: readonly string[];
  sandbox: readonly string[];
  argv: readonly string[];
  seccomp: Buffer;
  limits: readonly ResourceLimit[];
  /** Where the command and all it starts belong. */
  group: SessionGroup | null;
  /** What the session ran into since the command started; `failed`: the command did not end well. */
  limitsHit: (failed: boolean) => LimitName[];
  user: HostUser | null;
  /** `/proc/PID/ns/pid` of the session's processes, so that a signal never reaches anything else. */
  pidNamespace: string;
  timeoutMs: number | undefined;
  maxOutputBytes: number | undefined;
  /** Null: three pipes. */
  terminal: TerminalSize | null;
  /** The command's process waits for `release` before it is set up, so that it can be known before it may end. */
  held: boolean;
  sessionAlive: () => boolean;
}

function startError(error: unknown): RuntimeError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "E2BIG") {
    return new RuntimeError(
      "invalid_argument",
      "the arguments are longer than the kernel takes",
      {},
      { cause: error },
    );
  }
  return new RuntimeError(
    "sandbox_unavailable",
    `the command could not be started: ${message}`,
    {},
    { cause: error },
  );
}

/** Starts the process and gives it its limits before it can go on: it waits for the end of the gate pipe. */
function startLimited(
  plan: ExecutionPlan,
  stdio: readonly [number, number, number],
  status: number,
  hold: readonly number[],
): StartedProcess {
  const opened: number[] = [];
  const own = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  try {
    const argumentsFd = own(memoryFileOf("arguments", encodeArguments(plan.sandbox)));
    const seccompFd = own(memoryFileOf("seccomp", plan.seccomp));
    const gate = createPipe();
    own(gate.readEnd);
    own(gate.writeEnd);
    const child = start(
      plan.nsenter,
      [
        ...[...plan.enter, "--no-fork", "--", plan.bwrap],
        ...["--args", String(EXEC_FD.arguments), "--args", String(EXEC_FD.gate), "--", ...plan.argv],
      ],
      // nsenter itself becomes the session's user, inside its user namespace.
      { user: null, stdio: [...stdio, argumentsFd, gate.readEnd, seccompFd, status, ...hold] },
    );
    try {
      plan.group?.add(child.pid);
      preferAsVictim(child.pid);
      limitProcess(child.pid, plan.limits, plan.user);
    } catch (error) {
      // Before the gate opens: nothing runs without its limits.
      child.kill("SIGKILL");
      throw error;
    }
    return child;
  } finally {
    opened.forEach((fd) => {
      closeSync(fd);
    });
  }
}

/** When the machine runs out of memory, the kernel is to take what runs in sandboxes and leave the server. */
function preferAsVictim(pid: number): void {
  try {
    writeFileSync(`/proc/${String(pid)}/oom_score_adj`, String(OOM_SCORE_ADJUST));
  } catch {
    return; // It is over already.
  }
}

export class RunningExecution implements Execution {
  readonly id = randomUUID();
  readonly startedAtMs = Date.now();
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly maxOutputBytes: number | undefined;
  readonly completed: Promise<ExecResult>;
  /** Settles when the host process is gone. Never rejects. */
  readonly reaped: Promise<void>;
  readonly #plan: ExecutionPlan;
  readonly #child: StartedProcess;
  readonly #stdio: Stdio;
  #statusFd: number;
  #holdFd: number | null = null;
  #pid: number | null = null;
  #terminalSize: TerminalSize | null;
  #gone = false;
  #timedOut = false;
  #killed: NodeJS.Signals | null = null;

  /** Throws `RuntimeError` when nothing could be started. */
  constructor(plan: ExecutionPlan) {
    this.#plan = plan;
    this.maxOutputBytes = plan.maxOutputBytes;
    const startedAt = performance.now();
    this.#terminalSize = plan.terminal;
    this.#statusFd = createMemoryFile("status");
    const hold = plan.held ? createPipe() : null;
    let stdio: Stdio | undefined;
    try {
      stdio = plan.terminal === null ? openPipes(plan.user) : openTerminalStdio(plan.user, plan.terminal);
      this.#child = startLimited(plan, stdio.childEnds, this.#statusFd, hold === null ? [] : [hold.readEnd]);
    } catch (error) {
      if (stdio !== undefined) destroyStdio(stdio);
      closeSync(this.#statusFd);
      if (hold !== null) closeSync(hold.writeEnd);
      throw startError(error);
    } finally {
      if (stdio !== undefined) closeChildEnds(stdio);
      if (hold !== null) closeSync(hold.readEnd);
    }
    this.#holdFd = hold?.writeEnd ?? null;
    this.#stdio = stdio;
    this.stdin = stdio.stdin;
    this.stdout = stdio.stdout;
    this.stderr = stdio.stderr;
    const timer = this.#startTimer(plan.timeoutMs);
    this.completed = this.#child.ended.then((end) => {
      clearTimeout(timer);
      return this.#conclude(end, startedAt);
    });
    this.reaped = this.#child.ended.then(() => undefined);
    // A caller that never looks at `completed` must not bring the process down.
    this.completed.catch(() => undefined);
  }

  /** True once the command's process exists in the session, where a signal to all of it reaches it. */
  get started(): boolean {
    return this.#gone || this.#status().childPid !== null;
  }

  /** Of the command's process, as this process sees it; null before it exists and after it has ended. */
  get hostPid(): number | null {
    return this.#gone ? null : this.#status().childPid;
  }

  /** The same inside the session. Stays known once it was asked for while the command ran. */
  get pid(): number | null {
    const { hostPid } = this;
    if (this.#pid === null && hostPid !== null) this.#pid = pidInside(hostPid);
    return this.#pid;
  }

  get terminalSize(): TerminalSize | null {
    return this.#terminalSize;
  }

  resize(size: TerminalSize): void {
    if (this.#stdio.resize === null) return;
    this.#stdio.resize(size);
    this.#terminalSize = size;
  }

  /** Waits until the process of a held command exists, hands it to `look`, and lets it go on. */
  async release(look: () => void): Promise<void> {
    while (!this.started) await new Promise((resolve) => setTimeout(resolve, START_POLL_MS));
    if (!this.#gone) look();
    this.#letGo();
  }

  kill(signal: NodeJS.Signals = "SIGTERM"): void {
    if (this.#gone) return;
    this.#killed ??= signal;
    this.#signalWhenStarted(signal, performance.now() + KILL_SETUP_MS);
  }

  /** For an end that does not wait: the process that watches the command dies, and the command with it. */
  killWatcher(): void {
    this.#child.kill("SIGKILL");
  }

  #letGo(): void {
    if (this.#holdFd === null) return;
    writeSync(this.#holdFd, ".");
    closeSync(this.#holdFd);
    this.#holdFd = null;
  }

  #startTimer(timeoutMs: number | undefined): NodeJS.Timeout | undefined {
    if (timeoutMs === undefined || timeoutMs > TIMER_MS_MAX) return undefined;
    return setTimeout(() => {
      this.#timedOut = true;
      this.kill("SIGKILL");
    }, timeoutMs);
  }

  #status(): SandboxStatus {
    return parseStatus(readWhole(this.#statusFd));
  }

  #takeStatus(): SandboxStatus {
    const status = this.#status();
    this.#gone = true;
    closeSync(this.#statusFd);
    if (this.#holdFd !== null) closeSync(this.#holdFd);
    this.#holdFd = null;
    return status;
  }

  #signalWhenStarted(signal: NodeJS.Signals, deadline: number): void {
    if (this.#gone) return;
    const { childPid } = this.#status();
    if (childPid !== null && this.#isOurs(childPid) && sendSignal(-childPid, signal)) return;
    if (performance.now() > deadline) {
      if (childPid === null || !this.#isOurs(childPid)) this.killWatcher();
      else sendSignal(childPid, "SIGKILL");
      return;
    }
    setTimeout(() => {
      this.#signalWhenStarted(signal, deadline);
    }, KILL_RETRY_MS);
  }

  /** The number may have gone to another process in the moment between the command's end and our hearing of it. */
  #isOurs(pid: number): boolean {
    try {
      return readlinkSync(`/proc/${String(pid)}/ns/pid`) === this.#plan.pidNamespace;
    } catch {
      return false;
    }
  }

  async #conclude(exit: ProcessEnd, startedAt: number): Promise<ExecResult> {
    const status = this.#takeStatus();
    this.stdin.destroy();
    const durationMs = performance.now() - startedAt;
    const stderrHead = status.exitCode === null ? await this.#stdio.head.text(DIAGNOSTIC_MS) : "";
    return interpretEnding({
      ...exit,
      status,
      stderrHead,
      timedOut: this.#timedOut,
      killed: this.#killed,
      sessionAlive: this.#plan.sessionAlive(),
      sessionLimitsHit: this.#plan.limitsHit(exit.code !== 0),
      durationMs,
    });
  }
}

/** The kernel lists a process's numbers from this namespace inwards. Null when it has just ended. */
function pidInside(hostPid: number): number | null {
  try {
    const status = readFileSync(`/proc/${String(hostPid)}/status`, "latin1");
    return Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1] ?? Number.NaN) || null;
  } catch {
    return null;
  }
}

/**
 * False when there is no such group: the command has not begun to lead one. A signal to the process alone would then
 * miss what it starts in that very moment, so the caller tries again.
 */
function sendSignal(target: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
