/** Every limit of the server, with its reason. Sizes are bytes, times milliseconds unless the name says otherwise. */

/** A GB is 10^9 bytes, as the documentation of the plans says. */
const gigabyte = 1_000_000_000;

/** What the personal plan allows. An operator may set other values when starting the server. */
export interface PlanLimits {
  storageBytesMax: number;
  workspaceDiskBytesMax: number;
  workspaceDiskInodesMax: number;
  workspacesMax: number;
  sessionsMax: number;
}

export const personalPlan: PlanLimits = {
  storageBytesMax: 25 * gigabyte,
  workspaceDiskBytesMax: 10 * gigabyte,
  // Several times what a large project with all its dependencies has. A disk full of bytes has fewer: ext4 makes one inode for each
  // 16 KiB. More would only make every walk of it take more than some seconds, and use up the inodes of all.
  workspaceDiskInodesMax: 1_000_000,
  workspacesMax: 1000,
  sessionsMax: 50,
};

/** The largest request body that is read into memory; `stdin` of a command is the largest field. */
export const requestBodyBytesMax = 4 * 1024 * 1024;

export const nameLengthMax = 64;
export const commentLengthMax = 1000;
export const pageSizeMax = 100;
/** Of a list that is asked for without a limit: an answer of about a megabyte. Workspaces and snapshots are seldom more. */
export const listRowsMax = 1000;

/** Linux refuses a single argument of 128 KiB (MAX_ARG_STRLEN), and 2 MiB of arguments and environment together. */
export const argumentBytesMax = 128 * 1024 - 1;
export const argumentsTotalBytesMax = 1024 * 1024;

export const sessionTtlSecondsMin = 60;
export const sessionTtlSecondsMax = 3600;
export const sessionTtlSecondsDefault = 1800;

/** A command that runs longer than a day belongs to something else than one HTTP request. */
export const commandTimeoutMsMax = 24 * 60 * 60 * 1000;
/**
 * Of a command's output in a JSON answer. It is held in memory, twice, and each byte may become six of JSON (`\\u0000`): an answer of
 * 13 MB, for which a server grew by 54 MB. A stream of events holds nothing, so it has no ceiling.
 */
export const answeredOutputBytesMax = 1024 * 1024;

/** Proxies close a silent stream after 30 to 60 seconds. */
export const keepaliveIntervalMs = 15_000;

/** Slowloris: headers must arrive in this time, the whole request in the next one. Answers may take as long as they need. */
export const headersTimeoutMs = 15_000;
export const requestTimeoutMs = 120_000;
/** A streamed body may take any time in all, but not be silent for longer. */
export const streamedBodySilenceMs = 60_000;
export const idleConnectionTimeoutMs = 30_000;
export const connectionsMax = 4096;

/** How long a client that was refused another protocol may take to close its end. */
export const refusedLingerMs = 1_000;

/** One message of a terminal or a forwarded connection; a paste is far smaller. It is held in memory. */
export const webSocketMessageBytesMax = 1024 * 1024;
/** The runtime's own limit, far beyond any screen. */
export const terminalCellsMax = 1000;
/** Typed ahead of a program that does not read; beyond, the connection is not read either. */
export const terminalInputBytesMax = 256 * 1024;
/** Also keeps the connection known to what lies between. */
export const webSocketPingMs = 30_000;
/** A connection is cut after so many in a row, a quarter of an hour. */
export const webSocketUnansweredPingsMax = 30;

export const portMax = 65_535;
/** A forwarded connection over which nothing passes for so long is cut, so that it does not keep its session for ever. */
export const forwardedSilenceMs = 15 * 60_000;

/** Whoever wants to use a workspace waits while its repository is fetched again. */
export const fetchAgainMsMax = 5 * 60_000;

/** Nobody sees more; git says how far it is with every object. */
export const importProgressMs = 100;

/** Of an account, when their sessions have ended; each with the end of what it printed. Together at most some 13 MB. */
export const keptCommandsMax = 200;
export const keptOutputBytesMax = 64 * 1024;
export const keptCommandLifetimeMs = 24 * 60 * 60 * 1000;

/** How often records that nobody needs any more are deleted. */
export const pruneIntervalMs = 60 * 60 * 1000;

/** How often idle sessions are looked for. */
export const sweepIntervalMs = 5_000;

/** An image that no workspace and no session needs stays this long: whoever pulled it may soon make a workspace of it. */
export const unusedImageLifetimeMs = 7 * 24 * 60 * 60 * 1000;
export const imageSweepIntervalMs = 60 * 60 * 1000;
/** Events of a pull; more often nobody can read. */
export const pullProgressIntervalMs = 250;

/** A figure of used bytes older than this is measured again once something was allowed to grow since. */
export const usageFigureAgeMsMax = 30_000;

/** How often it is looked whether what sessions write crosses a cap. */
export const watchIntervalMs = 200;
/** Looks that may fail one after the other before who is looked at is ended: two seconds, since what cannot be measured has no cap. */
export const watchFailuresMax = 10;
/**
 * A disk or account that is beyond its cap by less than this may still be used by a session, to read and clean it up: what a
 * fast writer gets done between crossing the cap and being stopped. Beyond, only deleting and restoring are left.
 */
export const cleaningBytesMax = 2 * gigabyte;
export const cleaningInodesMax = 200_000;

/** Host uids for accounts when the server is root: one each, from this range, so that no account can touch another's files. */
export const hostUidBaseDefault = 200_000;
export const hostUidCountMax = 65_536;
/** Who owns files as seen inside a sandbox and inside snapshots. */
export const workspaceUid = 1000;
/** Below all accounts' uids: who unpacks images, and owns their files, when the server is root. */
export const imageUidBelowBase = 1;

export const idempotencyLifetimeMs = 24 * 60 * 60 * 1000;
/** Billing looks back 30 days; a day more keeps the edge whole. */
export const usageRecordLifetimeMs = 31 * 24 * 60 * 60 * 1000;

if (sessionTtlSecondsDefault < sessionTtlSecondsMin || sessionTtlSecondsDefault > sessionTtlSecondsMax)
  throw new Error("the default session ttl must lie within its bounds");
