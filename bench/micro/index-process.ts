// Half of the benchmark of a large index, in a process of its own so that its memory can be told; prints JSON.
//
//     index-process make DIRECTORY CHUNKS SEGMENTS    writes so many segments and merges them into one
//     index-process use DIRECTORY CHUNKS              opens the index and looks up chunks
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { absentIds, madeSegment, presentIds } from "./made-index.js";
import { indexes, platform, segmentFiles, segments, type Digest, type Segment } from "./store-internals.js";

const files = platform.linuxFiles;
const [work = "", directory = "", chunksText = "", segmentsText = "1"] = process.argv.slice(2);
const chunks = Number(chunksText);
const packDirectory = `${directory}/packs`;
const indexDirectory = `${directory}/index`;
const lookups = 1_000_000;
const rounds = 3;

function opened(name: string): Segment {
  const segment = segments.Segment.open(files, `${indexDirectory}/${name}`);
  if (segment === null) throw new Error(`${name} is not there`);
  return segment;
}

type Index = ReturnType<typeof open>;

function open() {
  return indexes.PackIndex.open(files, packDirectory, indexDirectory);
}

function timed(run: () => void): number {
  const startedMs = performance.now();
  run();
  return performance.now() - startedMs;
}

function make(): object {
  for (const path of [packDirectory, indexDirectory]) mkdirSync(path);
  const names: string[] = [];
  const parts = Array.from({ length: Number(segmentsText) }, (_, part) => {
    const segment = madeSegment(Math.ceil(chunks / Number(segmentsText)), part);
    // That a pack is there is enough: nothing is read of it.
    for (const { id } of segment.packs) writeFileSync(`${packDirectory}/${id}.pack`, "");
    const name = segmentFiles.writeSegment(files, indexDirectory, [segment]) ?? "";
    names.push(name);
    return opened(name);
  });
  let merged: string | null = null;
  const mergeMs = timed(() => (merged = segmentFiles.writeSegment(files, indexDirectory, parts)));
  for (const part of parts) part.close();
  for (const name of names) if (name !== merged) rmSync(`${indexDirectory}/${name}`);
  return { mergeMs, memoryBytesPeak: process.resourceUsage().maxRSS * 1024 };
}

async function use(): Promise<object> {
  const [name = ""] = readdirSync(indexDirectory);
  const whole = opened(name);
  const present = presentIds([whole], Math.min(lookups, chunks));
  whole.close();
  const absent = absentIds(Math.min(lookups, chunks));
  const perSecond = (index: Index, ids: Digest[], expected: boolean): number => {
    const durationMs = timed(() => {
      for (const id of ids) if (index.has(id) !== expected) throw new Error("the index is wrong");
    });
    return (ids.length / durationMs) * 1_000;
  };
  const lookUp = (index: Index): { hits: number; misses: number } => ({
    hits: perSecond(index, present, true),
    misses: perSecond(index, absent, false),
  });

  const rehearse = (): ReturnType<typeof lookUp> => {
    const index = open();
    const found = lookUp(index);
    index.close();
    return found;
  };

  // So that the code is compiled, and its memory is not charged to the index.
  const first = rehearse();
  globalThis.gc?.();
  // The memory of what was let go is returned by a thread of its own.
  await setTimeout(500);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const startedMs = performance.now();
  const index = open();
  const openMs = performance.now() - startedMs;
  const again = Array.from({ length: rounds }, () => lookUp(index)).at(-1);
  const reloadMs = timed(() => index.reload());
  globalThis.gc?.();
  const memoryBytes = process.memoryUsage().rss - before;
  index.close();
  return {
    openMs,
    reloadMs,
    /** With reading what they need. */
    firstHitsPerSecond: first.hits,
    hitsPerSecond: again?.hits,
    missesPerSecond: again?.misses,
    memoryBytesPerChunk: memoryBytes / chunks,
    memoryBytesPeak: process.resourceUsage().maxRSS * 1024,
  };
}

console.log(JSON.stringify(work === "make" ? make() : await use()));
