/**
 * The processes that hold a session: the keeper, which owns the namespaces with the disk's mounts, and init, which
 * is PID 1 of the session and lives as long as this process keeps the other end of its pipe.
 */
import { closeSync, writeSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { DiskMount } from "@chaser/store";
import type { NetworkMode } from "../api.js";
import type { SessionGroup } from "../cgroup/group.js";
import { RuntimeError } from "../errors.js";
import { SESSION_START_MS_MAX, type SessionLimits } from "../limits.js";
import type { StartedProcess } from "../platform/children.js";
import { createMemoryFile, createPipe } from "../platform/libc.js";
import { memoryFileOf, readWhole } from "../platform/memory-file.js";
import { requireProgram } from "../platform/programs.js";
import { collectText } from "../platform/spawn.js";
import { openOutput, start, untilClosed } from "../platform/start.js";
import { encodeArguments, INIT_COMMAND, initArguments } from "../sandbox/arguments.js";
import type { RootEntry } from "../sandbox/host-root.js";
import { KEEPER_SCRIPT, keeperArguments, type RootMount, type StateLayout } from "../sandbox/mounts.js";
import type { HostUser } from "../sandbox/spec.js";
import { parseStatus } from "../sandbox/status.js";

export interface KeeperPlan {
  user: HostUser | null;
  layout: StateLayout;
  mount: DiskMount;
  /** Of an image. Null: the host's `/usr` is the root. */
  rootMount: RootMount | null;
  limits: SessionLimits;
  root: readonly RootEntry[];
  network: NetworkMode;
  hostname: string;
  seccomp: Buffer;
  group: SessionGroup | null;
}

export interface Keeper {
  readonly keeperPid: number;
  readonly initPid: number;
  /** Resolves when init runs and its loopback is there; rejects when it does not come to that. */
  readonly ready: Promise<void>;
  /** Settles when the keeper is gone, and with it init and everything below. */
  readonly exited: Promise<void>;
  /** Closes init's pipe: the session's processes are killed by the kernel. Idempotent. */
  release(): void;
  /** For a keeper that does not follow. */
  kill(): void;
}

const START_POLL_MS = 1;

const FD = { arguments: 3, seccomp: 4, status: 5 } as const;

function startProgram(
  plan: KeeperPlan,
  status: number,
  stdio: readonly [number, number, number],
): StartedProcess {
  const init = initArguments({
    root: plan.root,
    network: plan.network,
    hostname: plan.hostname,
    seccompFd: FD.seccomp,
    statusFd: FD.status,
  });
  const argumentsFd = memoryFileOf("arguments", encodeArguments(init));
  const seccompFd = memoryFileOf("seccomp", plan.seccomp);
  try {
    return start(
      requireProgram("unshare"),
      [
        ...["--user", "--map-root-user", "--mount", "/bin/sh", "-c", KEEPER_SCRIPT, "keeper"],
        ...keeperArguments(plan.layout, plan.mount, plan.rootMount, plan.limits),
        ...[requireProgram("bwrap"), "--args", String(FD.arguments), "--", ...INIT_COMMAND],
      ],
      { user: plan.user, stdio: [...stdio, argumentsFd, seccompFd, status] },
    );
  } finally {
    closeSync(argumentsFd);
    closeSync(seccompFd);
  }
}

interface KeeperProcess {
  child: StartedProcess;
  stdout: Socket;
  stderr: Socket;
  exited: Promise<void>;
}

function startKeeperProcess(plan: KeeperPlan, status: number, lifeReadEnd: number): KeeperProcess {
  const outputs = [openOutput(), openOutput()] as const;
  const [stdout, stderr] = outputs;
  try {
    const child = startProgram(plan, status, [lifeReadEnd, stdout.writeEnd, stderr.writeEnd]);
    // Its diagnostics must have been read by then.
    const exited = Promise.all([child.ended, untilClosed(stderr.stream)]).then(() => undefined);
    return { child, stdout: stdout.stream, stderr: stderr.stream, exited };
  } catch (error) {
    for (const { stream } of outputs) stream.destroy();
    throw error;
  } finally {
    for (const { writeEnd } of outputs) closeSync(writeEnd);
  }
}

/**
 * Gives its process id, which bwrap tells as soon as there is one. Looked for in a file, not read from a pipe: if this process
 * died, bwrap would be killed by its first word, and init would wait for the second for ever. Closes the file.
 */
async function untilInitExists(status: number, exited: Promise<void>): Promise<number> {
  let hasEnded = false;
  void exited.then(() => (hasEnded = true));
  try {
    while (!hasEnded) {
      const { childPid } = parseStatus(readWhole(status));
      if (childPid !== null) return childPid;
      await delay(START_POLL_MS);
    }
  } finally {
    closeSync(status);
  }
  throw new RuntimeError("sandbox_unavailable", "the sandbox ended without saying its process id");
}

function untilInitAnswers(stdout: Socket): Promise<void> {
  return new Promise((resolve) => {
    stdout.once("data", () => {
      resolve();
    });
  });
}

/** Rejects when the keeper ended or hung before something happened, with what it said. */
function unlessItFails({ child, stderr, exited }: KeeperProcess): <T>(awaited: Promise<T>) => Promise<T> {
  const text = collectText(stderr);
  const failure = new Promise<never>((_resolve, reject) => {
    const fail = (message: string): void => {
      reject(new RuntimeError("sandbox_unavailable", message, { stderr: text() }));
    };
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`the sandbox did not start within ${String(SESSION_START_MS_MAX)} ms`);
    }, SESSION_START_MS_MAX);
    stderr.once("close", () => {
      clearTimeout(timer);
    });
    void exited.then(() => {
      fail(`the sandbox could not be started: ${text() === "" ? "it ended without a message" : text()}`);
    });
  });
  failure.catch(() => undefined);
  return (awaited) => Promise.race([awaited, failure]);
}

/** Gives the keeper as soon as its mounts stand and the session's namespaces exist: what is done in them need not wait for init. */
export async function startKeeper(plan: KeeperPlan): Promise<Keeper> {
  const life = createPipe();
  const status = createMemoryFile("status");
  let released = false;
  const release = (): void => {
    if (released) return;
    released = true;
    closeSync(life.writeEnd);
  };
  // Init answers it. Written while the other end is still open, whatever becomes of the keeper.
  writeSync(life.writeEnd, "?");
  let keeper: KeeperProcess;
  try {
    keeper = startKeeperProcess(plan, status, life.readEnd);
  } catch (error) {
    release();
    closeSync(status);
    throw error;
  } finally {
    closeSync(life.readEnd);
  }
  const { child, exited, stdout, stderr } = keeper;
  try {
    plan.group?.add(child.pid);
    const orFailure = unlessItFails(keeper);
    const answered = untilInitAnswers(stdout);
    const initPid = await orFailure(untilInitExists(status, exited));
    plan.group?.add(initPid);
    const ready = orFailure(answered).then(() => {
      stdout.destroy();
      stderr.destroy();
    });
    // Whoever starts a session waits for it; an error on the way there must not make it nobody's.
    ready.catch(() => undefined);
    return { keeperPid: child.pid, initPid, ready, exited, release, kill: () => child.kill("SIGKILL") };
  } catch (error) {
    release();
    throw error;
  }
}
