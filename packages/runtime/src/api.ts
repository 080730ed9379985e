/** What a program that embeds the runtime sees. Sizes are bytes; times are milliseconds. */
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { ChangesMount, DiskMount } from "@chaser/store";
import type { Image } from "./image/image.js";
import type { EgressRule } from "./egress/rules.js";
import type { AppliedLimits, LimitName, SessionLimits } from "./limits.js";
import type { OutputLog } from "./command/output-log.js";
import type { RuntimeError } from "./errors.js";

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
   * Where what commands change of the image is: directories on one filesystem that belong to the host user of the session. `upper` is
   * empty or has earlier changes to the same image, `lower` has such that stay as they are, and `work` is the kernel's.
   */
  changes: ChangesMount;
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
  /**
   * Starts a command that nobody waits for. Its output is kept, within limits, for whoever comes to read it; its
   * input stays open until it is ended. Codes as for `exec`, and `too_many_commands`.
   */
  start(spec: ExecSpec): Promise<Command>;
  /** The same with a terminal instead of pipes, whose output is all `stdout`. */
  openTerminal(spec: TerminalSpec): Promise<Command>;
  /** What runs, and what ended lately in the background, newest first. */
  commands(): Command[];
  command(id: string): Command | undefined;
  /** Every process inside, those included that outlived the command that started them. */
  processes(): SessionProcess[];
  /**
   * Allocated bytes of files on the disk that have no name any more and that processes inside hold open, or, where the caller is root, have
   * mapped. They are freed when nobody does; until then no walk of the disk finds them.
   */
  unlinkedBytes(): Promise<number>;
  /**
   * Connects to a port on the loopback inside. The socket may be half open; it is cut when the session ends. Codes
   * `invalid_argument`, `port_closed`, `too_many_connections`, `session_ended`, `network_unavailable`.
   */
  connect(port: number): Promise<Socket>;
  /** Tries from inside what a session promises. */
  selfTest(): Promise<SelfTestCheck[]>;
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
  /**
   * `root`, in sessions with an image: uid 0 inside, so that a package manager works. It has no more rights than without: what root
   * alone may do to owners, users and groups is answered as if done, and nothing is done. Default: uid 1000.
   */
  user?: "root";
  /** `host`: the root is this machine's programs, as without an image, so that they work on the disk. Default: the session's root. */
  root?: "host";
  /** The command's process group is killed after this time. Default: never. */
  timeoutMs?: number;
  /**
   * What is kept of the output. `capture` keeps its beginning when its own caller names no cap; a command in the
   * background keeps its end, and never more than 4 MiB.
   */
  maxOutputBytes?: number;
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

export interface TerminalSpec extends ExecSpec {
  size: TerminalSize;
}

export type CommandKind = "foreground" | "background" | "terminal";

/** A command as its session knows it. */
export interface Command {
  readonly id: string;
  readonly kind: CommandKind;
  /** What was run, in one line, cut when it is long. */
  readonly title: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  /** `failed`: it could not be run, and `error` says why. */
  readonly state: "running" | "exited" | "failed";
  readonly result: ExecResult | null;
  readonly error: RuntimeError | null;
  /** Inside the session. Null for one in the foreground that has only just been started. */
  readonly pid: number | null;
  /** Null in the foreground, where the caller of `exec` reads the output. */
  readonly output: OutputLog | null;
  readonly input: InputState;
  /** Null without a terminal. */
  readonly terminalSize: TerminalSize | null;
  /** Settles when the command has ended and its output is complete. Never rejects. */
  readonly ended: Promise<void>;
  /** Sends a signal (default SIGTERM) to the command's process group. Does nothing once it has ended. */
  kill(signal?: NodeJS.Signals): void;
  /**
   * Gives the command input. With an `offset`, bytes before it that were received already are passed over, so that
   * resending is safe. Resolves when the input is on its way, or with fewer bytes received when the command did not
   * read for a while: then the rest has to be sent again. Codes `input_gap`, `input_closed`.
   */
  write(bytes: Uint8Array, options?: InputWrite): Promise<InputWritten>;
  /** Does nothing without a terminal. */
  resize(size: TerminalSize): void;
}

export interface InputWrite {
  /** Of the first byte, counted from the command's start. Default: after what was received. */
  offset?: number;
  /** There will be no more input. */
  end?: boolean;
  signal?: AbortSignal;
}

export interface InputState {
  receivedBytes: number;
  ended: boolean;
}

export interface InputWritten extends InputState {
  /** Of the bytes that were given, how many have been received, by this call or before. */
  takenBytes: number;
}

export interface SessionProcess {
  /** Inside the session. */
  pid: number;
  parentPid: number;
  /** The program's name, as far as the kernel keeps it. */
  name: string;
  /** The command that it comes from, where that is known. */
  commandId: string | null;
}

export interface SelfTestCheck {
  name: "command" | "workspace" | "home" | "temporary" | "terminal" | "privileges" | "network";
  ok: boolean;
  /** What was found. */
  detail: string;
}

export interface Execution {
  /** Names the command in its session while it runs. */
  readonly id: string;
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
   * The limits that were reached while the command ran. `file_size` and `time` are the command's own; `memory`, `processes`, `open_files` and
   * `tmp` belong to the session, so another command of it may have been the one. A process that gets an ordinary error for
   * reaching its own `memoryBytes` or `openFiles` is not named.
   */
  limitsHit: LimitName[];
}
