/**
 * What disks take on the filesystem. Every inode counts once. Layers that a merge made share files with the layers they were made
 * of, so what a layer's end would free is found by links: a file goes when all of its links go.
 */
import type { DiskUsage } from "../api.js";
import type { LayerId } from "../ids.js";
import { StoreError } from "../errors.js";
import type { Taken } from "../platform/allocated.js";
import { emptyRegion, measureRegion, regionsTaken, type Region } from "../platform/region.js";
import type { KeptRegions } from "../snapshot/kept-regions.js";
import { diskRegions, layerRegion } from "./regions.js";
import type { DiskRegistry } from "./registry.js";

/** Of these disks, in their order. Each upper is counted with the directory of the disk around it: that is what deleting it frees. */
export function diskUsages(disks: DiskRegistry, kept: KeptRegions, ids: readonly string[]): DiskUsage[] {
  const stacks = new Map(disks.ids().flatMap((id) => stackOf(disks, id)));
  const standing = new Map<LayerId, number>();
  for (const stack of stacks.values())
    for (const layer of stack) standing.set(layer, (standing.get(layer) ?? 0) + 1);
  const layers = disks.layers.ids();
  const asked = [...layers.map((id) => layerRegion(disks, id)), ...diskRegions(disks, ids)];
  const regions = kept.ask(asked);
  const regionOf = new Map(asked.map(({ name }, n) => [name, regions[n] ?? emptyRegion]));
  // A sweep follows every deletion.
  const swept = layers.filter((id) => !standing.has(id)).map((id) => `layers/${id}`);
  return ids.map((id) => {
    const stack = stacks.get(id) ?? [];
    const alone = stack.filter((layer) => standing.get(layer) === 1);
    const at = (names: string[]): Region[] => names.map((name) => regionOf.get(name) ?? emptyRegion);
    const layerNames = (of: LayerId[]): string[] => of.map((layer) => `layers/${layer}`);
    const upper = at([`disks/${id}`]);
    const gone = [...upper, ...at(layerNames(alone))];
    const own = regionsTaken(upper);
    const referenced = regionsTaken([...upper, ...at(layerNames(stack))]);
    return {
      upperBytes: own.bytes,
      upperInodes: own.inodes,
      exclusiveBytes: freedBytes(gone, at(swept)),
      referencedBytes: referenced.bytes,
      referencedInodes: referenced.inodes,
    };
  });
}

/** What the layers of a stack take. */
export function stackTaken(disks: DiskRegistry, kept: KeptRegions, stack: LayerId[]): Taken {
  return regionsTaken(kept.askSome(stack.map((id) => layerRegion(disks, id))));
}

/** What removing the layers would free. */
export function layersBytes({ files, layers }: DiskRegistry, ids: LayerId[]): number {
  return freedBytes(
    ids.map((id) => measureRegion(files, layers.path(id))),
    [],
  );
}

/** Of a disk that another process deletes meanwhile: none. */
function stackOf(disks: DiskRegistry, id: string): [string, LayerId[]][] {
  try {
    return [[id, disks.stack(disks.read(id))]];
  } catch (error) {
    if (error instanceof StoreError && error.code === "disk_not_found") return [];
    throw error;
  }
}

/** What comes back when regions go. `alsoGone`: regions whose links do not count, because they go anyway. */
function freedBytes(gone: Region[], alsoGone: Region[]): number {
  const names = new Map<string, number>();
  for (const { linked } of [...gone, ...alsoGone])
    for (const [key, file] of linked) names.set(key, (names.get(key) ?? 0) + file.names);
  let bytes = 0;
  const counted = new Set<string>();
  for (const { bytes: own, linked } of gone) {
    bytes += own;
    for (const [key, { allocatedBytes, links }] of linked) {
      if (counted.has(key) || (names.get(key) ?? 0) < links) continue;
      counted.add(key);
      bytes += allocatedBytes;
    }
  }
  return bytes;
}
