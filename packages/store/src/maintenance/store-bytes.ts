/**
 * What a store takes on the filesystem, by its parts: all of it, as `du` counts. What cannot have changed since it was last asked
 * is not walked again: layers, disks that nobody has taken since, and directories of whole files that got or lost none.
 */
import type { DiskSet } from "../disk/disks.js";
import { withDirectory } from "../platform/durable.js";
import type { Files } from "../platform/files.js";
import type { AskedRegion } from "../snapshot/kept-regions.js";
import { emptyRegion, measureRegion, regionBytes } from "../platform/region.js";
import type { Repository } from "../snapshot/repository.js";
import { Census } from "./census.js";

export interface StoreBytes {
  /** All of it. The others add up to this. */
  onDiskBytes: number;
  packBytes: number;
  layerBytes: number;
  diskBytes: number;
  overheadBytes: number;
}

/** A part of the figures: regions, and what stands beside them. */
interface Part {
  regions: AskedRegion[];
  bytes: number;
}

export function measureStore(repository: Repository, disks: DiskSet): StoreBytes {
  const { files, layout, regions: kept } = repository;
  const knownDisks = disks.regions();
  const layers = disks.layerRegions;
  layers.look();
  const flat = Census.of(repository).allocatedBytes();
  const root = within(files, layout.root, () => null);
  const isElsewhere = new Set([
    layout.packs,
    layout.index,
    layout.records,
    layout.refs,
    layout.layers,
    layout.disks,
    layout.cache,
  ]);
  const refsKnown = new Set([`${layout.refs}/snapshots`, `${layout.refs}/disks`]);
  const scopes = within(files, `${layout.refs}/disks`, () => null);
  const isScope = ({ path }: AskedRegion): boolean => flat.refs.has(path.slice(path.lastIndexOf("/") + 1));
  const refs = within(files, layout.refs, () => null);
  const refBytes = [...flat.refs.values()].reduce((total, bytes) => total + bytes, 0);
  const aroundLayers = layers.around();
  const parts: Record<"layers" | "disks" | "others", Part[]> = {
    layers: [aroundLayers],
    disks: [within(files, layout.disks, regionAt(knownDisks))],
    others: [
      { ...root, regions: root.regions.filter(({ path }) => !isElsewhere.has(path)) },
      { ...refs, regions: refs.regions.filter(({ path }) => !refsKnown.has(path)) },
      { ...scopes, regions: scopes.regions.filter((region) => !isScope(region)) },
      { regions: [{ name: layout.index, path: layout.index, stamp: null }], bytes: flat.records + refBytes },
    ],
  };
  const asked = Object.values(parts).flatMap((of) => of.flatMap(({ regions }) => regions));
  let found = kept.ask(asked);
  if (layers.completeWith(found)) found = asked.map((one) => kept.walk(one));
  const measured = new Map(asked.map(({ name }, n) => [name, found[n] ?? emptyRegion]));
  kept.forgetOthers((name) => measured.has(name) || layers.group.regions.has(name));
  kept.keep();
  // One set of inodes for all, so that a file with names in two regions counts once.
  const seen = new Set<string>();
  const { files: linked } = layers.group;
  const bytesOf = (of: Part[]): number =>
    of.reduce((total, { regions, bytes }) => {
      const regionsOf = regions.map(({ name }) => measured.get(name) ?? emptyRegion);
      return total + bytes + regionBytes(regionsOf, seen, linked);
    }, 0);
  const layerBytes = layers.group.taken.bytes + bytesOf(parts.layers);
  const diskBytes = bytesOf(parts.disks);
  // Last, because what is kept for the next time goes there.
  const cacheBytes = regionBytes([measureRegion(files, layout.cache)], seen, linked);
  const overheadBytes = bytesOf(parts.others) + cacheBytes;
  return {
    onDiskBytes: flat.packs + layerBytes + diskBytes + overheadBytes,
    packBytes: flat.packs,
    layerBytes,
    diskBytes,
    overheadBytes,
  };
}

function regionAt(regions: AskedRegion[]): (path: string) => AskedRegion | null {
  const byPath = new Map(regions.map((region) => [region.path, region]));
  return (path) => byPath.get(path) ?? null;
}

/** A directory's own bytes with those of its files, and its directories as regions; those that `known` does not know are walked. */
function within(files: Files, path: string, known: (path: string) => AskedRegion | null): Part {
  return withDirectory(files, path, (directory) => {
    const part: Part = { regions: [], bytes: files.statOpen(directory).allocatedBytes };
    for (const { name, type } of files.list(directory)) {
      const at = `${path}/${name.toString("utf8")}`;
      if ((type ?? files.stat(directory, name).type) === "directory")
        part.regions.push(known(at) ?? { name: at, path: at, stamp: null });
      else part.bytes += files.stat(directory, name).allocatedBytes;
    }
    return part;
  });
}
