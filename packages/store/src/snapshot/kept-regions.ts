/**
 * Keeps what regions of a store take, so that only what may have changed is walked. Who asks gives each region a stamp: as long as it
 * is the same, so is what the region takes. They are also kept in a file of `cache/`, for as long as the system runs: what
 * a loss of power undoes it may undo of files, too.
 */
import { hash } from "../chunk/hash.js";
import { bootIdOf } from "../platform/boot-id.js";
import { readCache, writeCache } from "../platform/durable.js";
import type { Files } from "../platform/files.js";
import { measureRegion, type LinkedFile, type Region } from "../platform/region.js";

export interface AskedRegion {
  /** What it is known by. */
  name: string;
  path: string;
  /** Null: it is walked each time. */
  stamp: string | null;
}

/** The stamp of what never changes as long as it has its name. */
export const wholeStamp = "whole";

interface KeptRegion {
  stamp: string;
  region: Region;
}

const fileName = "figures";
/** So many bytes that other processes would have to walk again are worth it to write down all, which costs in proportion to the store. */
const unkeptBytesMax = 256 * 1024;

export class KeptRegions {
  readonly #files: Files;
  readonly #cache: string;
  readonly #bootId: string | null;
  #kept: Map<string, KeptRegion> | null = null;
  #forgotten = 0;
  /** What was walked since they were kept, and is not as it was. */
  #unkeptBytes = 0;

  /** `cache`: the directory for the file. */
  constructor(files: Files, cache: string) {
    this.#files = files;
    this.#cache = cache;
    this.#bootId = bootIdOf(files);
  }

  /** What each of them takes, in their order. */
  ask(asked: readonly AskedRegion[]): Region[] {
    return asked.map((one) => this.known(one) ?? this.walk(one));
  }

  /** Null when it must be walked. */
  known({ name, stamp }: AskedRegion): Region | null {
    const kept = this.#all().get(name);
    return stamp !== null && kept?.stamp === stamp ? kept.region : null;
  }

  walk({ name, path, stamp }: AskedRegion): Region {
    const region = measureRegion(this.#files, path);
    const kept = this.#all();
    const before = kept.get(name);
    if (stamp === null) kept.delete(name);
    else kept.set(name, { stamp, region });
    const isNew = stamp !== null && !(before?.stamp === stamp && isSame(before.region, region));
    if (isNew) this.#unkeptBytes += region.linked.size > 0 ? unkeptBytesMax : region.bytes;
    return region;
  }

  /** True for one that was walked when it had become what it stays. */
  isWhole(name: string): boolean {
    return this.#all().get(name)?.stamp === wholeStamp;
  }

  /** Nobody will ask for others again. */
  forgetOthers(isAsked: (name: string) => boolean): void {
    const kept = this.#all();
    for (const name of kept.keys()) if (!isAsked(name)) kept.delete(name);
  }

  /** Keeps what was walked for other processes, where these would have to walk much again. */
  keep(): void {
    if (this.#bootId === null || this.#unkeptBytes < unkeptBytesMax) return;
    this.#unkeptBytes = 0;
    writeCache(this.#files, this.#cache, fileName, encode(this.#bootId, this.#all()));
  }

  /** Everything is walked the next time. */
  forget(): void {
    this.#kept = new Map();
    this.#forgotten += 1;
  }

  /** How many times that was. */
  get forgotten(): number {
    return this.#forgotten;
  }

  #all(): Map<string, KeptRegion> {
    return (this.#kept ??= this.#read());
  }

  #read(): Map<string, KeptRegion> {
    const bytes = this.#bootId === null ? null : readCache(this.#files, this.#cache, fileName);
    return (bytes === null ? null : decode(this.#bootId as string, bytes)) ?? new Map<string, KeptRegion>();
  }
}

function isSame(a: Region, b: Region): boolean {
  if (a.bytes !== b.bytes || a.inodes !== b.inodes || a.linked.size !== b.linked.size) return false;
  return [...a.linked].every(([key, { names, links }]) => {
    const other = b.linked.get(key);
    return other?.names === names && other.links === links;
  });
}

/** Another where lines say something else: what an earlier version kept is then walked again. */
const linesVersion = 2;

/** A line with a digest of the rest, one that names version and boot, then one a region. Names and stamps have no spaces. */
function encode(bootId: string, kept: Map<string, KeptRegion>): Buffer {
  const lines = [...kept].map(([name, { stamp, region }]) => {
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
