/** What a program that embeds the runtime sees. Sizes are bytes; times are milliseconds. */
import type { Readable, Writable } from "node:stream";
import type { DiskMount } from "@chaser/store";
import type { Image } from "./image/image.js";
import type { EgressRule } from "./egress/rules.js";
import type { AppliedLimits, LimitName, SessionLimits } from "./limits.js";

/**
 * `none`: loopback only. `nat`: outgoing IPv4 through a user-mode network stack, with the host's own addresses,
 * private and link-local ranges out of reach. `host`: the host's network as it is, for operators who trust what runs.
 */
export type NetworkMode = "none" | "nat" | "host";

export interface RuntimeOptions {
  /**
   * A directory that is this runtime's alone: mount points and records of sessions. Made if missing; what a
   * crashed predecessor left there is cleaned. When sessions run as other host users, the directories above it
   * must let them pass.
   */
  runDirectory: string;
  /** Default `none` and `nat`. */
  allowedNetworks?: NetworkMode[];
  /**
   * A directory of cgroup v2 in which this process may make groups, one a session. `null`: none, limits are held by other
   * means. Default: this process's own group, when it is delegated and nothing else is in it; this process then moves
   * to a group below it, because the kernel limits groups without processes of their own only.
   */
  cgroupDirectory?: string | null;
}

/** The root directory of a session's commands. */
export interface SessionImage {
  image: Image;
  /** `layersDirectory` and `owner` of the `Images` that have it. */
  layersDirectory: string;
  owner: { uid: number; gid: number } | null;
  /**
   * Two directories on one filesystem that take what commands change of the image: `upper`, empty or with earlier changes
   * to the same image, and `work`, which is the kernel's. Both belong to the host user of the session.
   */
  upper: string;
  work: string;
}

export interface SessionSpec {
  /** Lower-case letters, digits and dashes. */
  id: string;
  /** The tree has `workspace` and `home/chaser`, owned by the host user that the sandbox runs as. */
  mount: DiskMount;
  /** Default: the host's `/usr`, read-only, under a small root. */
  image?: SessionImage;
  /** Needed when this process is root, and only then: the host user that the whole sandbox runs as. Never 0. */
  hostUid?: number;
  hostGid?: number;
  /** Default `none`. */
  network?: NetworkMode;
  /**
   * With network `nat`: the only hosts and ports that the session reaches, through an HTTP proxy that the environment names; programs
   * that do not ask a proxy reach nothing. An empty list: none. Default: all that `nat` reaches.
   */
  egress?: EgressRule[];
  /** Default `chaser`. */
  hostname?: string;
  /** Added to the environment of every command. */
  env?: Record<string, string>;
  limits?: Partial<SessionLimits>;
}

export interface Session {
  readonly id: string;
  readonly startedAtMs: number;
  readonly network: NetworkMode;
  readonly limits: AppliedLimits;
  /** Limits of the whole session that were reached so far, or before it ended. */
  limitsHit(): LimitName[];
  /** Settles when nothing of the session is left, whoever ended it. Never rejects. */
  readonly ended: Promise<void>;
  /** Resolves when the command is on its way; `completed` tells how it went. Waits while the session is paused. */
  exec(spec: ExecSpec): Promise<Execution>;
  /** Stops every process of the session, for a consistent copy of its disk. Code `pause_failed`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Idempotent. Kills every process, unmounts, removes the session's directories. */
  end(): Promise<void>;
}

export interface ExecSpec {
  /** A string goes to `/bin/sh -c`; a list is run as it is, its first entry looked up in PATH. */
  command: string | string[];
  /** Absolute. Default: the image's working directory, else `/workspace`. */
  cwd?: string;
  env?: Record<string, string>;
  /** The command's process group is killed after this time. Default: never. */
  timeoutMs?: number;
  /** Kept for `capture`: what it holds of the output when its caller names no cap. */
  maxOutputBytes?: number;
}

export interface Execution {
  /** Plain pipes: the command can open `/dev/stdin`, `/dev/stdout` and `/dev/stderr`. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly startedAtMs: number;
  readonly maxOutputBytes: number | undefined;
  /** Sends a signal (default SIGTERM) to the command's process group. Does nothing once it has ended. */
  kill(signal?: NodeJS.Signals): void;
  /**
   * Settles when the command has ended; processes it left in the background may still hold its output open.
   * Rejects when it could not be run: `working_directory_not_found`, `session_ended`, `sandbox_unavailable`.
   */
  readonly completed: Promise<ExecResult>;
}

export interface ExecResult {
  /** 127: not found; 126: found, not executable; 128 + n: ended by signal n; 124: timed out. */
  exitCode: number;
  /**
   * Set when `exitCode` is 128 + n. A shell reports a child that a signal ended in the same way, so this
   * covers the command itself and what its shell waited for.
   */
  signal: NodeJS.Signals | null;
  timedOut: boolean;
  durationMs: number;
  /**
   * The limits that were reached while the command ran. `file_size` and `time` are the command's own; `memory`, `processes` and
   * `tmp` belong to the session, so another command of it may have been the one. A process that gets an ordinary error for
   * reaching its own `memoryBytes` or `openFiles` is not named.
   */
  limitsHit: LimitName[];
}
