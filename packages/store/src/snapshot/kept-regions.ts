/**
 * Keeps what regions of a store take, so that only what may have changed is walked. Who asks gives each region a stamp: as long as it
 * is the same, so is what the region takes. Large regions are also kept in a file of `cache/`, for as long as the system runs: what
 * a loss of power undoes it may undo of files, too.
 */
import { hash } from "../chunk/hash.js";
import { bootIdOf } from "../platform/boot-id.js";
import { readCache, writeCache } from "../platform/durable.js";
import type { Files } from "../platform/files.js";
import {
  emptyRegion,
  haveAllNames,
  measureRegion,
  type LinkedFile,
  type Region,
} from "../platform/region.js";

export interface AskedRegion {
  /** What it is known by. */
  name: string;
  path: string;
  /** Null: it is walked each time. */
  stamp: string | null;
}

interface KeptRegion {
  stamp: string;
  region: Region;
}

const fileName = "figures";
/** A region that takes less is walked sooner than its line is read. */
const savedBytesMin = 256 * 1024;

export class KeptRegions {
  readonly #files: Files;
  readonly #cache: string;
  readonly #bootId: string | null;
  #kept: Map<string, KeptRegion> | null = null;

  /** `cache`: the directory for the file. */
  constructor(files: Files, cache: string) {
    this.#files = files;
    this.#cache = cache;
    this.#bootId = bootIdOf(files);
  }

  /** What each of them takes, in their order. When they do not have all names of a file, all of them are walked. */
  ask(asked: readonly AskedRegion[]): Region[] {
    const known = (this.#kept ??= this.#read());
    let areSome = false;
    const measure = ({ path }: AskedRegion): Region => {
      areSome = true;
      return measureRegion(this.#files, path);
    };
    let regions = asked.map((one) => {
      const kept = known.get(one.name);
      return one.stamp !== null && kept?.stamp === one.stamp ? kept.region : measure(one);
    });
    if (!haveAllNames(regions)) regions = asked.map(measure);
    this.#keep(asked, regions, areSome);
    return regions;
  }

  /** The same of a few, for their bytes alone: other names of their files may be elsewhere. What is known of other regions stays. */
  askSome(asked: readonly AskedRegion[]): Region[] {
    const known = (this.#kept ??= this.#read());
    return asked.map(({ name, path, stamp }) => {
      const kept = known.get(name);
      if (stamp !== null && kept?.stamp === stamp) return kept.region;
      const region = measureRegion(this.#files, path);
      if (stamp !== null) known.set(name, { stamp, region });
      return region;
    });
  }

  /** Everything is walked the next time. */
  forget(): void {
    this.#kept = new Map();
  }

  #keep(asked: readonly AskedRegion[], regions: Region[], areSome: boolean): void {
    if (!areSome && this.#kept?.size === asked.length) return;
    const before = this.#kept ?? new Map<string, KeptRegion>();
    const kept = new Map<string, KeptRegion>();
    asked.forEach(({ name, stamp }, n) => {
      if (stamp !== null) kept.set(name, { stamp, region: regions[n] ?? emptyRegion });
    });
    this.#kept = kept;
    const isNew = ([name, { region }]: [string, KeptRegion]): boolean => before.get(name)?.region !== region;
    if (this.#bootId !== null && saved(kept).some(isNew))
      writeCache(this.#files, this.#cache, fileName, encode(this.#bootId, kept));
  }

  #read(): Map<string, KeptRegion> {
    const bytes = this.#bootId === null ? null : readCache(this.#files, this.#cache, fileName);
    return (bytes === null ? null : decode(this.#bootId as string, bytes)) ?? new Map<string, KeptRegion>();
  }
}

function saved(kept: Map<string, KeptRegion>): [string, KeptRegion][] {
  return [...kept].filter(([, { region }]) => region.bytes >= savedBytesMin || region.linked.size > 0);
}

/** Another where lines say something else: what an earlier version kept is then walked again. */
const linesVersion = 2;

/** A line with a digest of the rest, one that names version and boot, then one a region. Names and stamps have no spaces. */
function encode(bootId: string, kept: Map<string, KeptRegion>): Buffer {
  const lines = saved(kept).map(([name, { stamp, region }]) => {
    const linked = [...region.linked].map(([key, f]) => `${key},${f.allocatedBytes},${f.names},${f.links}`);
    return [name, stamp, region.bytes, region.inodes, ...linked].join(" ");
  });
  const body = [firstLine(bootId), ...lines].map((line) => `${line}\n`).join("");
  return Buffer.from(`${hash(Buffer.from(body)).toString("hex")}\n${body}`);
}

function firstLine(bootId: string): string {
  return `${linesVersion} ${bootId}`;
}

/** Null for anything that `encode` did not make since the system was started. */
function decode(bootId: string, bytes: Buffer): Map<string, KeptRegion> | null {
  const text = bytes.toString("utf8");
  const body = text.slice(65);
  if (hash(Buffer.from(body)).toString("hex") !== text.slice(0, 64)) return null;
  const [boot, ...lines] = body.split("\n");
  if (boot !== firstLine(bootId)) return null;
  return new Map(
    lines.slice(0, -1).map((line) => {
      const [name = "", stamp = "", bytes, inodes, ...files] = line.split(" ");
      const linked = new Map(
        files.map((file): [string, LinkedFile] => {
          const [key = "", allocatedBytes, names, links] = file.split(",");
          return [
            key,
            { allocatedBytes: Number(allocatedBytes), names: Number(names), links: Number(links) },
          ];
        }),
      );
      return [name, { stamp, region: { bytes: Number(bytes), inodes: Number(inodes), linked } }];
    }),
  );
}
