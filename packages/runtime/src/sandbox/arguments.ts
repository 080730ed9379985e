/** Argument lists for bwrap and nsenter: pure functions, the whole hardening of a sandbox in one place. */
import type { NetworkMode } from "../api.js";
import type { RootEntry } from "./host-root.js";
import { SANDBOX_HOME, SANDBOX_WORKSPACE, type SandboxIds } from "./identity.js";
import type { StateLayout } from "./mounts.js";
import type { HostUser } from "./spec.js";

/** Kept by every process of a sandbox: no capability, no terminal, no life beyond its parent, no environment. */
const HARDENING = ["--die-with-parent", "--cap-drop", "ALL", "--clearenv"];

/**
 * No process of a sandbox may have the terminal of whoever started the server. A command with a terminal of its own
 * makes its own session, which takes that terminal as its controlling one; it cannot do so from a session that has been
 * made for it.
 */
const NEW_SESSION = ["--new-session"];
const WITH_TERMINAL = ["/usr/bin/setsid", "-c"];

export function rootArguments(root: readonly RootEntry[]): string[] {
  return root.flatMap((entry) => {
    switch (entry.kind) {
      case "link":
        return ["--symlink", entry.target, entry.path];
      case "directory":
        return ["--ro-bind", entry.path, entry.path];
      case "image":
        return ["--bind", entry.source, entry.path];
    }
  });
}

/** What the root of a sandbox lacks when it is not an image's. */
const SYNTHETIC_DIRECTORIES = ["--dir", "/run", "--dir", "/var", "--symlink", "/tmp", "/var/tmp"];

export interface InitPlan {
  root: readonly RootEntry[];
  /** Else it is in the one where it is started. */
  makesNetwork: boolean;
  hostname: string;
  seccompFd: number;
  statusFd: number;
}

/**
 * Init makes the session's process and host name namespaces, owned by the keeper's user namespace, and that of the network where the keeper has not.
 * It stays in that user namespace, above those of the commands, so that no command can open its memory.
 */
export function initArguments(plan: InitPlan): string[] {
  return [
    ...HARDENING,
    ...NEW_SESSION,
    ...["--unshare-pid", "--as-pid-1", "--unshare-uts", "--hostname", plan.hostname],
    ...(plan.makesNetwork ? ["--unshare-net"] : []),
    ...rootArguments(plan.root),
    ...["--proc", "/proc", "--remount-ro", "/", "--chdir", "/"],
    ...["--seccomp", String(plan.seccompFd)],
    ...["--json-status-fd", String(plan.statusFd)],
  ];
}

/**
 * PID 1. Ignored child signals survive the exec and make the kernel reap every orphan at once; shells would reset
 * them. It reads a pipe whose other end only the server holds: when that closes, for whatever reason, it ends, and
 * the kernel kills the session. What it reads it writes back, which tells the server that it runs.
 */
export const INIT_COMMAND = ["/usr/bin/env", "--ignore-signal=CHLD", "cat"];

export interface ExecPlan {
  root: readonly RootEntry[];
  layout: StateLayout;
  /** Null: `root` has one. */
  etc: string | null;
  /** A hosts file of the session's own, over the shared one. */
  hosts: string | null;
  environment: Readonly<Record<string, string>>;
  cwd: string;
  ids: SandboxIds;
  terminal: boolean;
  held: boolean;
}

/** What is run: with a terminal, a program of the sandbox's that makes it the controlling one and becomes the command. */
export function execCommand(argv: readonly string[], terminal: boolean): string[] {
  return terminal ? [...WITH_TERMINAL, ...argv] : [...argv];
}

/** Descriptors of the process that sets a command up. It closes each before the command runs. */
export const EXEC_FD = { arguments: 3, gate: 4, seccomp: 5, status: 6, hold: 7 } as const;

/**
 * Each command gets a user namespace of its own: between the moment it loses its capabilities and the moment its
 * filter stands, another command of the session could otherwise write to its memory.
 */
export function execArguments(plan: ExecPlan): string[] {
  const { layout } = plan;
  return [
    ...HARDENING,
    ...(plan.terminal ? [] : NEW_SESSION),
    ...["--unshare-user", "--uid", String(plan.ids.uid), "--gid", String(plan.ids.gid)],
    ...Object.entries(plan.environment).flatMap(([name, value]) => ["--setenv", name, value]),
    ...rootArguments(plan.root),
    ...(plan.etc === null ? [] : ["--ro-bind", plan.etc, "/etc"]),
    ...(plan.hosts === null ? [] : ["--ro-bind", plan.hosts, "/etc/hosts"]),
    ...["--bind", layout.proc, "/proc"],
    ...["--dev", "/dev", "--bind", layout.shm, "/dev/shm", "--remount-ro", "/dev"],
    ...["--dir", "/home"],
    ...["--bind", layout.tmp, "/tmp", ...(plan.etc === null ? [] : SYNTHETIC_DIRECTORIES)],
    ...["--bind", `${layout.disk}/workspace`, SANDBOX_WORKSPACE],
    ...["--bind", `${layout.disk}${SANDBOX_HOME}`, SANDBOX_HOME],
    ...["--remount-ro", "/", "--chdir", plan.cwd],
    ...["--seccomp", String(EXEC_FD.seccomp)],
    ...["--json-status-fd", String(EXEC_FD.status)],
    ...(plan.held ? ["--block-fd", String(EXEC_FD.hold)] : []),
  ];
}

/** The form that `bwrap --args FD` reads: host paths and environment then stand in no process's command line. */
export function encodeArguments(args: readonly string[]): Buffer {
  return Buffer.from(args.map((argument) => `${argument}\0`).join(""));
}

/**
 * Enters a session's namespaces. `pid` is for children only: what is entered by itself stays invisible inside. Started by root,
 * nsenter becomes the root of the keeper's user namespace, which is the session's host user, and drops its groups.
 */
export function enterArguments(target: {
  keeperPid: number;
  initPid: number;
  network: NetworkMode;
  user: HostUser | null;
}): string[] {
  const keeper = `/proc/${String(target.keeperPid)}/ns`;
  return [
    ...(target.user === null ? ["--preserve-credentials"] : []),
    `--user=${keeper}/user`,
    `--mount=${keeper}/mnt`,
    ...["--target", String(target.initPid), "--ipc", "--uts", "--pid"],
    ...(target.network === "host" ? [] : ["--net"]),
  ];
}
