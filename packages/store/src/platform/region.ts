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

/** What several regions take together. `seen` holds inodes that were counted already, and so does `known`, which stays as it is. */
export function regionsTaken(
  regions: Iterable<Region>,
  seen = new Set<string>(),
  known: ReadonlyMap<string, unknown> = noFiles,
): Taken {
  const total = { bytes: 0, inodes: 0 };
  for (const { bytes, inodes, linked } of regions) {
    total.bytes += bytes;
    total.inodes += inodes;
    for (const [key, { allocatedBytes }] of linked) {
      if (seen.has(key) || known.has(key)) continue;
      seen.add(key);
      total.bytes += allocatedBytes;
      total.inodes += 1;
    }
  }
  return total;
}

/** Bytes alone. */
export function regionBytes(
  regions: Iterable<Region>,
  seen?: Set<string>,
  known?: ReadonlyMap<string, unknown>,
): number {
  return regionsTaken(regions, seen, known).bytes;
}

const noFiles: ReadonlyMap<string, unknown> = new Map();

/**
 * Regions put together: each file counts once. They come and go one by one, so that a large number of which few change costs little.
 * A region that was measured before may have got a link to one of its files since, or lost one: then names of that file are missing.
 */
export class RegionGroup {
  readonly #regions = new Map<string, Region>();
  readonly #files = new Map<string, LinkedFile>();
  readonly #partial = new Set<string>();
  readonly #own: Taken = { bytes: 0, inodes: 0 };

  constructor(regions: Iterable<readonly [string, Region]> = []) {
    for (const [name, region] of regions) this.put(name, region);
  }

  get regions(): ReadonlyMap<string, Region> {
    return this.#regions;
  }

  get files(): ReadonlyMap<string, LinkedFile> {
    return this.#files;
  }

  /** Keys of files of which not just all names are here. */
  get partial(): ReadonlySet<string> {
    return this.#partial;
  }

  get taken(): Taken {
    return { ...this.#own };
  }

  /** In the place of the one that had the name. */
  put(name: string, region: Region): void {
    const before = this.#regions.get(name);
    if (before === region) return;
    if (before !== undefined) this.#remove(before);
    this.#regions.set(name, region);
    this.#change(region, 1);
    for (const [key, { allocatedBytes, names, links }] of region.linked) {
      const known = this.#files.get(key);
      if (known === undefined) this.#change({ bytes: allocatedBytes, inodes: 1 }, 1);
      // What was measured last knows best how many links there are.
      this.#set(key, { allocatedBytes, names: names + (known?.names ?? 0), links });
    }
  }

  drop(name: string): void {
    const region = this.#regions.get(name);
    if (region !== undefined) this.#remove(region);
    this.#regions.delete(name);
  }

  /** Makes these its regions. */
  become(regions: ReadonlyMap<string, Region>): void {
    for (const name of this.#regions.keys()) if (!regions.has(name)) this.drop(name);
    for (const [name, region] of regions) this.put(name, region);
  }

  /** What these take with another one that is not of them. */
  takenWith({ bytes, inodes, linked }: Region): Taken {
    const taken = { bytes: this.#own.bytes + bytes, inodes: this.#own.inodes + inodes };
    for (const [key, { allocatedBytes }] of linked) {
      if (this.#files.has(key)) continue;
      taken.bytes += allocatedBytes;
      taken.inodes += 1;
    }
    return taken;
  }

  /** True when these and others do not have every name of the files that they have in common with more. */
  lacksNames(others: readonly Region[]): boolean {
    const met = new Map<string, { names: number; links: number }>();
    for (const { linked } of others) {
      for (const [key, { names, links }] of linked) {
        const known = met.get(key) ?? this.#files.get(key) ?? { names: 0, links };
        met.set(key, { names: known.names + names, links: Math.max(known.links, links) });
      }
    }
    for (const { names, links } of met.values()) if (names !== links) return true;
    for (const key of this.#partial) if (!met.has(key)) return true;
    return false;
  }

  #remove(region: Region): void {
    this.#change(region, -1);
    for (const [key, { allocatedBytes, names }] of region.linked) {
      const known = this.#files.get(key) as LinkedFile;
      if (known.names === names) this.#change({ bytes: allocatedBytes, inodes: 1 }, -1);
      this.#set(key, { ...known, names: known.names - names });
    }
  }

  #set(key: string, file: LinkedFile): void {
    if (file.names === 0) this.#files.delete(key);
    else this.#files.set(key, file);
    if (file.names === 0 || file.names === file.links) this.#partial.delete(key);
    else this.#partial.add(key);
  }

  #change({ bytes, inodes }: Taken, sign: 1 | -1): void {
    this.#own.bytes += sign * bytes;
    this.#own.inodes += sign * inodes;
  }
}
