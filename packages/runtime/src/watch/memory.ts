/** How much memory a session uses, and which of its processes has most of it. */
import { readMemoryFiles, readOwnMemory, type ProcessUsage } from "./usage.js";

export interface SessionMemory {
  bytes: number;
  largest: { pid: string; bytes: number } | null;
}

/** The cheap figure: never too small, but for files in memory that nobody maps. */
export function residentBytes(usage: readonly ProcessUsage[]): number {
  return usage.reduce((sum, { residentBytes: bytes }) => sum + bytes, 0);
}

/**
 * The exact figure. Files in memory show as shared memory where they are mapped, so the larger of the two counts. A
 * file counts for the first process that holds it, so that killing helps.
 */
export async function measureMemory(proc: string, usage: readonly ProcessUsage[]): Promise<SessionMemory> {
  const seen = new Set<bigint>();
  const sums = { anonymous: 0, shared: 0, files: 0 };
  let largest: SessionMemory["largest"] = null;
  for (const { pid } of usage) {
    const { anonymousBytes, sharedBytes } = await readOwnMemory(proc, pid);
    let fileBytes = 0;
    for (const [inode, bytes] of await readMemoryFiles(proc, pid)) {
      if (seen.has(inode)) continue;
      seen.add(inode);
      fileBytes += bytes;
    }
    sums.anonymous += anonymousBytes;
    sums.shared += sharedBytes;
    sums.files += fileBytes;
    const bytes = anonymousBytes + Math.max(sharedBytes, fileBytes);
    if (largest === null || bytes > largest.bytes) largest = { pid, bytes };
  }
  return { bytes: sums.anonymous + Math.max(sums.shared, sums.files), largest };
}
