import { availableParallelism, totalmem } from "node:os";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** What one session may use. Every limit that a process runs into shows as the usual error of the system call. */
export interface SessionLimits {
  /** Processes and threads alive at once in the session, with one of the runtime's own for each running command. */
  maxProcesses: number;
  /** Memory of all processes of the session together, in bytes; with a control group also what the kernel holds for it. */
  sessionMemoryBytes: number;
  /** Swap space of the session, in bytes. 0: none. */
  swapBytes: number;
  /** Processor time of the session, in hundredths of one processor: 150 is one and a half. */
  cpuPercent: number;
  /** Private writable memory of one process, in bytes. Bounds what is taken between two looks of a watch. */
  memoryBytes: number;
  /** Largest file that a process may write, in bytes. */
  fileSizeBytes: number;
  /** Open descriptors of one process. */
  openFiles: number;
  /** Open descriptors of all processes of the session together. Looking through them takes time. */
  sessionOpenFiles: number;
  /** What `/tmp` and `/dev/shm` hold together, in bytes. It is memory. */
  tmpBytes: number;
  /** Files and directories in `/tmp` and `/dev/shm` together. Each costs about a kilobyte of kernel memory. */
  tmpInodes: number;
}

/**
 * How a limit is enforced. By the kernel: `rlimit` for each process, `userns` and `cgroup` for the whole session, `tmpfs` by
 * the mount. By this process, where no control group is delegated: `watch` looks several times a second and kills the
 * largest process; `priority` makes a session that is over it give way to the others. `none`: not enforced.
 */
export type LimitMechanism = "rlimit" | "userns" | "cgroup" | "tmpfs" | "watch" | "priority" | "none";

/** Limits that a command can run into, as results name them. */
export const LIMIT_NAMES = [
  "memory",
  "processes",
  "file_size",
  "tmp",
  "open_files",
  "output",
  "time",
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

export type AppliedLimits = {
  readonly [Name in keyof SessionLimits]: { readonly value: number; readonly mechanism: LimitMechanism };
};

export const SESSION_LIMITS_DEFAULT: SessionLimits = {
  // Enough for a parallel build on a large machine; a fork bomb stops here.
  maxProcesses: 512,
  // On a small machine less, so that the limit is reached before the machine's end is.
  sessionMemoryBytes: Math.min(4 * GiB, Math.floor(totalmem() * 0.75)),
  // A session that swaps slows down all others.
  swapBytes: 0,
  cpuPercent: 100 * availableParallelism(),
  // Counts what may be written to, not address space, so that Node and Java can still reserve as they like. More than
  // the whole session may have, so that the limit which is reached first is the one that a result can name.
  memoryBytes: 8 * GiB,
  // A sparse file of terabytes costs nothing on disk but everything that later walks it.
  fileSizeBytes: 10 * GiB,
  // The usual hard limit for a login; servers and file watchers need more than 1,024.
  openFiles: 65_536,
  // Eight processes of the most that one may have. Without a bound, a session could make it endless to find what it holds.
  sessionOpenFiles: 524_288,
  tmpBytes: 512 * MiB,
  tmpInodes: 100_000,
};

/** Output that `capture` keeps when the caller names no cap. */
export const CAPTURE_OUTPUT_BYTES_DEFAULT = MiB;

/** Output that is kept of one command in the background, and of all of a session. It is memory of this process. */
export const COMMAND_LOG_BYTES_MAX = 4 * MiB;
export const SESSION_LOGS_BYTES_MAX = 16 * MiB;
/** What a terminal replays to who comes back: some thousand lines. */
export const TERMINAL_LOG_BYTES_MAX = 512 * KiB;
/** Given to a reader at once. */
export const LOG_READ_BYTES_MAX = 64 * KiB;

/** Each has up to five descriptors of this process. */
export const COMMANDS_RUNNING_MAX = 64;
/** Ended commands whose state and output can still be asked for. */
export const COMMANDS_KEPT_MAX = 100;
/** Of what was run, as lists show it. */
export const COMMAND_TITLE_LENGTH_MAX = 1024;

/** What a pipe holds: no more is written to one, or read from one, at once. */
export const PIPE_BYTES = 64 * KiB;
/** A writer whose command does not read is told to come again after this time. */
export const INPUT_WAIT_MS = 20_000;

/** Cells of a terminal in either direction; the kernel's own limit is far beyond any screen. */
export const TERMINAL_CELLS_MAX = 1000;

/** How long `capture` goes on reading after the command ended, when something it left behind holds its output open. */
export const CAPTURE_DRAIN_MS = 200;

/** A single argument or environment entry that is longer is refused by the kernel (MAX_ARG_STRLEN). */
export const ARGUMENT_BYTES_MAX = 128 * KiB - 1;

/** Arguments and environment together; the kernel's own limit is a quarter of the stack limit, 2 MiB. */
export const ARGUMENTS_BYTES_MAX = 1 * MiB;

/** A start that takes longer has hung: a stuck mount, a stopped process. */
export const SESSION_START_MS_MAX = 20_000;
export const NETWORK_START_MS_MAX = 10_000;

/** After this a session's end is forced by killing its keeper. Normally the kernel needs about five milliseconds. */
export const SESSION_END_MS_MAX = 3_000;

/** A process that does not stop within this time sits in the kernel, waiting for a disk or a network that hangs. */
export const PAUSE_MS_MAX = 5_000;

/** Text kept of what a helper program printed before it failed. */
export const DIAGNOSTIC_BYTES_MAX = 8 * KiB;

/** Longest session id: it names a directory. */
export const SESSION_ID_LENGTH_MAX = 64;

/** The kernel's PATH_MAX, without its final NUL. */
export const PATH_BYTES_MAX = 4095;

/** Finding out what a path is takes milliseconds; looking for what cannot be read in a large directory, seconds. */
export const FILE_OPEN_MS_MAX = 60_000;

/** How often it is looked whether the machine loses memory, which costs one small read. */
export const WATCH_TICK_MS = 100;

/** How often each session that has processes is looked at in any case. A process costs some 20 microseconds. */
export const WATCH_LOOK_MS = 1_000;

/** How often memory is measured exactly in any case: some 200 microseconds a process, off the main thread. */
export const WATCH_THOROUGH_MS = 5_000;

/** When the machine has lost so much since all sessions were looked at, they are looked at again at once. */
export const WATCH_LOST_BYTES = 128 * MiB;

/** Processes of a sandbox go first when the machine itself runs out of memory; the server is at 0. */
export const OOM_SCORE_ADJUST = 800;

/** Over this time it is taken how much of a processor a session uses. */
export const CPU_WINDOW_MS = 2_000;

/** A session that uses more, and has no control group, gives way to the others. */
export const CPU_BUSY_PERCENT = 20;

/** A third of the weight of others: they keep most of the processor, and a build still ends on a machine that is busy all the time. */
export const CPU_BUSY_NICE = 5;

/** More processes for each processor of the machine that want to run at one moment are no build but a crowd, whose weights add up. */
export const CPU_CROWD_PROCESSES = 8;

/** It goes on with what the others leave. */
export const CPU_CROWD_NICE = 19;

/**
 * Measuring a session's memory exactly takes time in proportion to its pages, and longer still on a busy machine. It rests as long
 * afterwards, but not longer than this.
 */
export const MEASURE_REST_MS_MAX = 500;

/** Who asks what files without a name a session holds waits no longer for all of its descriptors to be looked through. */
export const HELD_FILES_WAIT_MS = 500;

/** Rules of one session: more are a way out that nobody reads any more. */
export const EGRESS_RULES_MAX = 200;

/** Connections of one session through the proxy at once. */
export const EGRESS_CONNECTIONS_MAX = 256;

/** A host that does not take a connection within this time is away. */
export const EGRESS_CONNECT_MS_MAX = 30_000;

/** Connections of one session from outside at once; each is two descriptors of this process. */
export const FORWARD_CONNECTIONS_MAX = 256;

/** On a loopback only a server whose queue is full takes longer. */
export const FORWARD_CONNECT_MS_MAX = 5_000;

/** The process that opens connections takes 40 MB, and a moment to start. */
export const FORWARD_DIALER_IDLE_MS = 60_000;

/** A large repository at one commit over a slow line. */
export const IMPORT_MS_MAX = 30 * 60_000;

/** Lines of git's that are kept to say why it failed. */
export const IMPORT_LINES_MAX = 50;

/** Longer than any host's; a line of askpass's. */
export const IMPORT_TOKEN_LENGTH_MAX = 4096;

if (COMMAND_LOG_BYTES_MAX > SESSION_LOGS_BYTES_MAX)
  throw new Error("one command's output must fit into what a session may keep");
