/** What parts of a directory tree take, so measured that it can be kept apart and added up: each inode counts once. */
import { takenUnder, type Taken } from "./allocated.js";
import type { Files } from "./files.js";

/** A file with names inside and outside of a region. */
export interface LinkedFile {
  allocatedBytes: number;
  /** Names in the region. */
  names: number;
  /** Names altogether. */
  links: number;
}

/** Bytes and inodes: of everything that has no name outside, directories included. */
export interface Region extends Taken {
  /** By device and inode. */
  linked: ReadonlyMap<string, LinkedFile>;
}

export const emptyRegion: Region = { bytes: 0, inodes: 0, linked: new Map() };

/** Walks everything at and below a path. Empty when there is nothing. */
export function measureRegion(files: Files, path: string): Region {
  const linked = new Map<string, LinkedFile>();
  const own = takenUnder(files, path, (key, { allocatedBytes, links }) => {
    const file = linked.get(key) ?? { allocatedBytes, names: 0, links };
    file.names += 1;
    linked.set(key, file);
  });
  for (const [key, { allocatedBytes, names, links }] of linked) {
    if (names === links) linked.delete(key);
    else {
      own.bytes -= allocatedBytes;
      own.inodes -= 1;
    }
  }
  return { ...own, linked };
}

/** What several regions take together. `seen` holds inodes that were counted already. */
export function regionsTaken(regions: Iterable<Region>, seen = new Set<string>()): Taken {
  const total = { bytes: 0, inodes: 0 };
  for (const { bytes, inodes, linked } of regions) {
    total.bytes += bytes;
    total.inodes += inodes;
    for (const [key, { allocatedBytes }] of linked) {
      if (seen.has(key)) continue;
      seen.add(key);
      total.bytes += allocatedBytes;
      total.inodes += 1;
    }
  }
  return total;
}

/** Bytes alone. */
export function regionBytes(regions: Iterable<Region>, seen?: Set<string>): number {
  return regionsTaken(regions, seen).bytes;
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
