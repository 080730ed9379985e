/**
 * The processes that hold a session: the keeper, which owns the namespaces with the disk's mounts, and init, which
 * is PID 1 of the session and lives as long as this process keeps the other end of its pipe.
 */
import { closeSync, writeSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { DiskMount } from "@chaser/store";
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
import {
  KEEPER_SCRIPT,
  keeperArguments,
  mountTable,
  TABLE_FD,
  UNSHARED,
  type RootMount,
  type StateLayout,
} from "../sandbox/mounts.js";
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
  /** Who makes the session's network: the keeper at once, or init with a loopback that is up; null: it has the host's. */
  networkOf: "keeper" | "init" | null;
  hostname: string;
  seccomp: Buffer;
  group: SessionGroup | null;
}

export interface StartingKeeper {
  readonly keeperPid: number;
  /** Resolves when its namespaces exist; as the others, it rejects when it does not come to that. */
  readonly unshared: Promise<void>;
  /** Resolves as soon as its mounts stand and the session's namespaces exist: what is done in them need not wait for init. */
  readonly initPid: Promise<number>;
  /** Resolves when init runs. Its loopback is there, where it has made the network. */
  readonly ready: Promise<void>;
  /** Settles when the keeper is gone, and with it init and everything below. */
  readonly exited: Promise<void>;
  /** Closes init's pipe: the session's processes are killed by the kernel. Idempotent. */
  release(): void;
  /** For a keeper that does not follow. */
  kill(): void;
}

/** One that holds a session. */
export type Keeper = Omit<StartingKeeper, "initPid"> & { readonly initPid: number };

const START_POLL_MS = 1;

/** After the script's own. */
const FD = { arguments: TABLE_FD + 1, seccomp: TABLE_FD + 2, status: TABLE_FD + 3 } as const;

function startProgram(
  plan: KeeperPlan,
  status: number,
  stdio: readonly [number, number, number],
): StartedProcess {
  const init = initArguments({
    root: plan.root,
    makesNetwork: plan.networkOf === "init",
    hostname: plan.hostname,
    seccompFd: FD.seccomp,
    statusFd: FD.status,
  });
  const { layout, mount, rootMount, limits } = plan;
  const table = Buffer.from(mountTable(layout, mount, rootMount, limits));
  const opened = [table, encodeArguments(init), plan.seccomp].map((content) =>
    memoryFileOf("keeper", content),
  );
  try {
    return start(
      requireProgram("unshare"),
      [
        ...[
          "--user",
          "--map-root-user",
          "--mount",
          "--ipc",
          ...(plan.networkOf === "keeper" ? ["--net"] : []),
        ],
        ...["/bin/sh", "-c", KEEPER_SCRIPT, "keeper"],
        ...keeperArguments(layout, mount, rootMount, limits),
        ...[requireProgram("bwrap"), "--args", String(FD.arguments), "--", ...INIT_COMMAND],
      ],
      { user: plan.user, stdio: [...stdio, ...opened, status] },
    );
  } finally {
    for (const fd of opened) closeSync(fd);
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

/** What init answers with, since it was asked so. */
const QUESTION = "?";

/** The keeper's script says its word on the same pipe as init. */
function untilSaid(stdout: Socket, word: string): Promise<void> {
  return new Promise((resolve) => {
    stdout.on("data", (bytes: Buffer) => {
      if (bytes.includes(word)) resolve();
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

/** Throws when it cannot be started at all. */
export function startKeeper(plan: KeeperPlan): StartingKeeper {
  const life = createPipe();
  const status = createMemoryFile("status");
  let released = false;
  const release = (): void => {
    if (released) return;
    released = true;
    closeSync(life.writeEnd);
  };
  // Written while the other end is still open, whatever becomes of the keeper.
  writeSync(life.writeEnd, QUESTION);
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
  } catch (error) {
    release();
    throw error;
  }
  const orFailure = unlessItFails(keeper);
  const unshared = orFailure(untilSaid(stdout, UNSHARED));
  const initPid = orFailure(untilInitExists(status, exited)).then((pid) => {
    plan.group?.add(pid);
    return pid;
  });
  const ready = orFailure(untilSaid(stdout, QUESTION)).then(() => {
    stdout.destroy();
    stderr.destroy();
  });
  // Whoever starts a session waits for them; an error on the way there must not make them nobody's.
  for (const step of [unshared, initPid, ready]) step.catch(() => undefined);
  const starting = { keeperPid: child.pid, unshared, initPid, ready, exited, release };
  return { ...starting, kill: () => child.kill("SIGKILL") };
}
