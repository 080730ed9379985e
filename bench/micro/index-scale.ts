import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { measureProcess } from "../measure.js";

const program = fileURLToPath(new URL("./index-process.js", import.meta.url));

/** An index of synthetic chunks: what it costs to make, to open and to ask. */
export interface IndexResult {
  chunks: number;
  segments: number;
  /** All segments into one, written and synced. */
  mergeMs: number;
  mergeMemoryBytesPeak: number;
  openMs: number;
  /** Reading it anew when nothing changed. */
  reloadMs: number;
  firstHitsPerSecond: number;
  hitsPerSecond: number;
  missesPerSecond: number;
  /** Resident, after lookups all over it. */
  memoryBytesPerChunk: number;
  /** Of the whole process that looks up, the ids it looks up included. */
  memoryBytesPeak: number;
}

/** Runs one index after another, each in processes of its own, below an existing directory. */
export async function measureIndexes(
  directory: string,
  sizes: readonly { chunks: number; segments: number }[],
  onStep?: (text: string) => void,
): Promise<IndexResult[]> {
  const results: IndexResult[] = [];
  for (const { chunks, segments } of sizes) {
    onStep?.(`index: ${chunks} chunks in ${segments} segments`);
    const home = join(directory, "index-scale");
    await mkdir(home);
    const run = async (...args: string[]): Promise<Record<string, number>> => {
      const { output } = await measureProcess(process.execPath, ["--expose-gc", program, ...args]);
      return JSON.parse(output) as Record<string, number>;
    };
    const { mergeMs, memoryBytesPeak } = await run("make", home, String(chunks), String(segments));
    const used = await run("use", home, String(chunks));
    results.push({
      chunks,
      segments,
      mergeMs,
      mergeMemoryBytesPeak: memoryBytesPeak,
      ...used,
    } as unknown as IndexResult);
    await rm(home, { recursive: true });
  }
  return results;
}
