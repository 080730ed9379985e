/** What the processes of a session use, read from its own `/proc`. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";

export interface ProcessUsage {
  /** In the session's own numbering. */
  pid: string;
  threads: number;
  cpuMs: number;
  nice: number;
  isRunning: boolean;
  /** All resident pages, shared ones included: never less than what it costs, often more. */
  residentBytes: number;
}

const PAGE_BYTES = 4096;
/** USER_HZ, the same on every architecture that matters. */
const TICK_MS = 10;
const INIT_PID = "1";

/** Reads `/proc/PID/stat`; the name may hold anything, closing parentheses included. */
export function parseUsage(pid: string, stat: string): ProcessUsage {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (index: number): number => Number(fields[index] ?? 0);
  return {
    pid,
    cpuMs: (field(11) + field(12)) * TICK_MS,
    nice: field(16),
    isRunning: fields[0] === "R",
    threads: field(17),
    residentBytes: field(21) * PAGE_BYTES,
  };
}

/** `proc` is where the session's `/proc` is mounted. Init is the runtime's own. */
export function pidsIn(proc: string): string[] {
  return readdirSync(proc).filter((name) => name !== INIT_PID && /^\d+$/.test(name));
}

/** Counted by the kernel (Linux 6.2); before, for how many it has room, which is up to twice as many. */
export function openDescriptors(proc: string, pid: string): number {
  try {
    const { size } = statSync(`${proc}/${pid}/fd`);
    return size > 0 ? size : parseRoom(readFileSync(`${proc}/${pid}/status`, "latin1"));
  } catch {
    return 0; // Gone meanwhile.
  }
}

export function parseRoom(status: string): number {
  return Number(/^FDSize:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
}

export function readUsage(proc: string): ProcessUsage[] {
  const found: ProcessUsage[] = [];
  for (const pid of pidsIn(proc)) {
    try {
      found.push(parseUsage(pid, readFileSync(`${proc}/${pid}/stat`, "latin1")));
    } catch {
      continue; // Gone meanwhile.
    }
  }
  return found;
}

/** Memory that goes when the process does, each shared page divided by those who share it; files it has mapped do not count. */
export interface OwnMemory {
  anonymousBytes: number;
  sharedBytes: number;
}

export function parseOwnMemory(smapsRollup: string): OwnMemory {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(smapsRollup)?.[1] ?? 0) * 1024;
  return { anonymousBytes: bytes("Pss_Anon"), sharedBytes: bytes("Pss_Shmem") };
}

/**
 * The kernel walks all pages of the process for it, and a hostile session has many large ones: never on the main thread.
 */
export async function readOwnMemory(proc: string, pid: string): Promise<OwnMemory> {
  try {
    return parseOwnMemory(await readFile(`${proc}/${pid}/smaps_rollup`, "latin1"));
  } catch (error) {
    if (isNoDescriptorLeft(error)) throw error;
    return { anonymousBytes: 0, sharedBytes: 0 };
  }
}

/** That nothing could be read says nothing then of the process that was asked after. */
export function isNoDescriptorLeft(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EMFILE" || code === "ENFILE";
}
