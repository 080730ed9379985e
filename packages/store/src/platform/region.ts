/** Allocated bytes of parts of a directory tree, so measured that they can be kept apart and added up: each inode counts once. */
import { allocatedUnder } from "./allocated.js";
import type { Files } from "./files.js";

/** A file with names inside and outside of a region. */
export interface LinkedFile {
  allocatedBytes: number;
  /** Names in the region. */
  names: number;
  /** Names altogether. */
  links: number;
}

export interface Region {
  /** Of everything that has no name outside, directories included. */
  bytes: number;
  /** By device and inode. */
  linked: ReadonlyMap<string, LinkedFile>;
}

export const emptyRegion: Region = { bytes: 0, linked: new Map() };

/** Walks everything at and below a path. Empty when there is nothing. */
export function measureRegion(files: Files, path: string): Region {
  const linked = new Map<string, LinkedFile>();
  let bytes = allocatedUnder(files, path, new Set(), (key, { allocatedBytes, links }) => {
    const file = linked.get(key) ?? { allocatedBytes, names: 0, links };
    file.names += 1;
    linked.set(key, file);
  });
  for (const [key, { allocatedBytes, names, links }] of linked) {
    if (names === links) linked.delete(key);
    else bytes -= allocatedBytes;
  }
  return { bytes, linked };
}

/** What several regions take together. */
export function regionBytes(regions: Iterable<Region>, seen = new Set<string>()): number {
  let total = 0;
  for (const { bytes, linked } of regions) {
    total += bytes;
    for (const [key, { allocatedBytes }] of linked) {
      if (seen.has(key)) continue;
      seen.add(key);
      total += allocatedBytes;
    }
  }
  return total;
}

/**
 * True when the regions have every name of the files that they have in common with others. If not, one that was measured before
 * may have got a link to one of its files since, or lost one.
 */
export function haveAllNames(regions: readonly Region[]): boolean {
  const missing = new Map<string, number>();
  for (const { linked } of regions)
    for (const [key, { links, names }] of linked) missing.set(key, (missing.get(key) ?? links) - names);
  return [...missing.values()].every((left) => left === 0);
}
