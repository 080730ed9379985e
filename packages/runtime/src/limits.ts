const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** What one session may use. Every limit that a process runs into shows as the usual error of the system call. */
export interface SessionLimits {
  /** Processes and threads alive at once in the session, with one of the runtime's own for each running command. */
  maxProcesses: number;
  /** Private writable memory of one process, in bytes. */
  memoryBytes: number;
  /** Largest file that a process may write, in bytes. */
  fileSizeBytes: number;
  /** Open descriptors of one process. */
  openFiles: number;
  /** What `/tmp` and `/dev/shm` hold together, in bytes. It is memory. */
  tmpBytes: number;
  /** Files and directories in `/tmp` and `/dev/shm` together. Each costs about a kilobyte of kernel memory. */
  tmpInodes: number;
}

/** How a limit is enforced: `rlimit` for each process, `userns` for the whole session, `tmpfs` by the mount. */
export type LimitMechanism = "rlimit" | "userns" | "tmpfs";

export type AppliedLimits = {
  readonly [Name in keyof SessionLimits]: { readonly value: number; readonly mechanism: LimitMechanism };
};

export const SESSION_LIMITS_DEFAULT: SessionLimits = {
  // Enough for a parallel build on a large machine; a fork bomb stops here.
  maxProcesses: 512,
  // Counts what may be written to, not address space, so that Node and Java can still reserve as they like.
  memoryBytes: 4 * GiB,
  // A sparse file of terabytes costs nothing on disk but everything that later walks it.
  fileSizeBytes: 10 * GiB,
  // The usual hard limit for a login; servers and file watchers need more than 1,024.
  openFiles: 65_536,
  tmpBytes: 512 * MiB,
  tmpInodes: 100_000,
};

/** Output that `capture` keeps when the caller names no cap. */
export const CAPTURE_OUTPUT_BYTES_DEFAULT = MiB;

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
