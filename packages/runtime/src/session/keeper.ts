/**
 * The processes that hold a session: the keeper, which owns the namespaces with the disk's mounts, and init, which
 * is PID 1 of the session and lives as long as this process keeps the other end of its pipe.
 */
import type { ChildProcess } from "node:child_process";
import { closeSync, writeSync } from "node:fs";
import type { DiskMount } from "@chaser/store";
import type { NetworkMode } from "../api.js";
import type { SessionGroup } from "../cgroup/group.js";
import { RuntimeError } from "../errors.js";
import { SESSION_START_MS_MAX, type SessionLimits } from "../limits.js";
import { createMemoryFile, createPipe } from "../platform/libc.js";
import { memoryFileOf, readWhole } from "../platform/memory-file.js";
import { requireProgram } from "../platform/programs.js";
import { collectText, launch } from "../platform/spawn.js";
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
  /** Settles when the keeper is gone, and with it init and everything below. */
  readonly exited: Promise<void>;
  /** Closes init's pipe: the session's processes are killed by the kernel. Idempotent. */
  release(): void;
  /** For a keeper that does not follow. */
  kill(): void;
}

const FD = { arguments: 3, seccomp: 4, status: 5 } as const;

function spawnKeeper(plan: KeeperPlan, status: number, lifeReadEnd: number): ChildProcess {
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
    return launch(
      requireProgram("unshare"),
      [
        ...["--user", "--map-root-user", "--mount", "/bin/sh", "-c", KEEPER_SCRIPT, "keeper"],
        ...keeperArguments(plan.layout, plan.mount, plan.rootMount, plan.limits),
        ...[requireProgram("bwrap"), "--args", String(FD.arguments), "--", ...INIT_COMMAND],
      ],
      { user: plan.user, stdio: [lifeReadEnd, "pipe", "pipe", argumentsFd, seccompFd, status] },
    );
  } finally {
    closeSync(argumentsFd);
    closeSync(seccompFd);
  }
}

/** Resolves when init answers, which it does once it runs; rejects when the keeper ended or hung before. */
function untilReady(child: ChildProcess, exited: Promise<void>): Promise<void> {
  const stderr = collectText(child.stderr);
  return new Promise((resolve, reject) => {
    const fail = (message: string): void => {
      reject(new RuntimeError("sandbox_unavailable", message, { stderr: stderr() }));
    };
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`the sandbox did not start within ${String(SESSION_START_MS_MAX)} ms`);
    }, SESSION_START_MS_MAX);
    child.stdout?.once("data", () => {
      clearTimeout(timer);
      resolve();
    });
    void exited.then(() => {
      clearTimeout(timer);
      const text = stderr();
      fail(`the sandbox could not be started: ${text === "" ? "it ended without a message" : text}`);
    });
  });
}

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
  try {
    let child: ChildProcess;
    try {
      child = spawnKeeper(plan, status, life.readEnd);
    } finally {
      closeSync(life.readEnd);
    }
    if (child.pid !== undefined) plan.group?.add(child.pid);
    const exited = new Promise<void>((resolve) => {
      child.once("error", () => {
        resolve();
      });
      // Not "exit": its diagnostics must have been read by then.
      child.once("close", () => {
        resolve();
      });
    });
    await untilReady(child, exited);
    const initPid = parseStatus(readWhole(status)).childPid;
    if (child.pid === undefined || initPid === null) {
      child.kill("SIGKILL");
      throw new RuntimeError("sandbox_unavailable", "the sandbox started without saying its process id");
    }
    plan.group?.add(initPid);
    child.stdout?.destroy();
    child.stderr?.destroy();
    return { keeperPid: child.pid, initPid, exited, release, kill: () => void child.kill("SIGKILL") };
  } catch (error) {
    release();
    throw error;
  } finally {
    closeSync(status);
  }
}
