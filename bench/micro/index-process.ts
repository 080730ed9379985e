// Half of the benchmark of a large index, in a process of its own so that its memory can be told; prints JSON.
//
//     index-process make DIRECTORY CHUNKS SEGMENTS    writes so many segments and merges them into one
//     index-process use DIRECTORY CHUNKS              opens the index and looks up chunks
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
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

function use(): object {
  const [name = ""] = readdirSync(indexDirectory);
  const whole = opened(name);
  const present = presentIds([whole], Math.min(lookups, chunks));
  whole.close();
  const absent = absentIds(Math.min(lookups, chunks));
  globalThis.gc?.();
  const before = process.memoryUsage().rss;

  const openMs = timed(() => indexes.PackIndex.open(files, packDirectory, indexDirectory).close());
  const index = indexes.PackIndex.open(files, packDirectory, indexDirectory);
  const perSecond = (ids: Digest[], expected: boolean): number => {
    const durationMs = timed(() => {
      for (const id of ids) if (index.has(id) !== expected) throw new Error("the index is wrong");
    });
    return (ids.length / durationMs) * 1_000;
  };
  const each = Array.from({ length: rounds }, () => [perSecond(present, true), perSecond(absent, false)]);
  const reloadMs = timed(() => index.reload());
  globalThis.gc?.();
  const memoryBytes = process.memoryUsage().rss - before;
  index.close();
  return {
    openMs,
    reloadMs,
    /** The first lookups read what they need. */
    firstHitsPerSecond: each[0]?.[0],
    hitsPerSecond: each.at(-1)?.[0],
    missesPerSecond: each.at(-1)?.[1],
    memoryBytesPerChunk: memoryBytes / chunks,
    memoryBytesPeak: process.resourceUsage().maxRSS * 1024,
  };
}

console.log(JSON.stringify(work === "make" ? make() : use()));
