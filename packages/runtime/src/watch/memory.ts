/** How much memory a session uses, and which of its processes has most of it. */
import type { HeldFile } from "./held-files.js";
import { readOwnMemory, type OwnMemory, type ProcessUsage } from "./usage.js";

export interface SessionMemory {
  bytes: number;
  largest: { pid: string; bytes: number } | null;
}

export interface ProcessMemory extends OwnMemory {
  pid: string;
}

/** The cheap figure: never too small, but for files in memory that nobody maps. */
export function residentBytes(usage: readonly ProcessUsage[]): number {
  return usage.reduce((sum, { residentBytes: bytes }) => sum + bytes, 0);
}

/** Those that seem large first, and no more than it takes to be above `enoughBytes`. */
export async function measureProcesses(
  proc: string,
  usage: readonly ProcessUsage[],
  enoughBytes: number,
): Promise<ProcessMemory[]> {
  const measured: ProcessMemory[] = [];
  let bytes = 0;
  for (const { pid } of [...usage].sort((a, b) => b.residentBytes - a.residentBytes)) {
    const own = await readOwnMemory(proc, pid);
    measured.push({ pid, ...own });
    bytes += own.anonymousBytes + own.sharedBytes;
    if (bytes > enoughBytes) break;
  }
  return measured;
}

/**
 * Files in memory show as shared memory where they are mapped, so the larger of the two counts. A file counts for one process that
 * holds it, so that killing helps.
 */
export function sessionMemory(
  processes: readonly ProcessMemory[],
  files: readonly HeldFile[],
): SessionMemory {
  const fileBytes = new Map<string, number>();
  for (const { pid, bytes } of files) fileBytes.set(pid, (fileBytes.get(pid) ?? 0) + bytes);
  const sums = { anonymous: 0, shared: 0, files: 0 };
  let largest: SessionMemory["largest"] = null;
  for (const { pid, anonymousBytes, sharedBytes } of processes) {
    const held = fileBytes.get(pid) ?? 0;
    sums.anonymous += anonymousBytes;
    sums.shared += sharedBytes;
    sums.files += held;
    const bytes = anonymousBytes + Math.max(sharedBytes, held);
    if (largest === null || bytes > largest.bytes) largest = { pid, bytes };
  }
  return { bytes: sums.anonymous + Math.max(sums.shared, sums.files), largest };
}
