/**
 * What disks take on the filesystem. Every inode counts once. Layers that a merge made share files with the layers they were made
 * of, so what a layer's end would free is found by links: a file goes when all of its links go.
 */
import type { DiskUsage } from "../api.js";
import type { LayerId } from "../ids.js";
import { StoreError } from "../errors.js";
import type { Taken } from "../platform/allocated.js";
import { RegionGroup, emptyRegion, measureRegion, regionsTaken } from "../platform/region.js";
import type { KeptRegions } from "../snapshot/kept-regions.js";
import { layerRegion, type LayerRegions } from "./layer-regions.js";
import { diskRegions } from "./regions.js";
import type { DiskRegistry } from "./registry.js";
import type { StacksRegions } from "./stack-regions.js";

/** Of these disks, in their order. Each upper is counted with the directory of the disk around it: that is what deleting it frees. */
export function diskUsages(
  disks: DiskRegistry,
  { layers, stacks, kept }: { layers: LayerRegions; stacks: StacksRegions; kept: KeptRegions },
  ids: readonly string[],
): DiskUsage[] {
  layers.look();
  const standing = new Map(disks.ids().flatMap((id) => stackOf(disks, layers, id)));
  const asked = diskRegions(disks, ids);
  let uppers = kept.ask(asked);
  if (layers.completeWith(uppers)) uppers = asked.map((one) => kept.walk(one));
  kept.keep();
  stacks.follow(standing);
  return ids.map((id, n) => {
    const stack = stacks.of(id, standing.get(id) ?? []);
    const upper = uppers[n] ?? emptyRegion;
    const own = regionsTaken([upper]);
    const referenced = stacks.taken(stack, upper);
    return {
      upperBytes: own.bytes,
      upperInodes: own.inodes,
      // A sweep follows every deletion, and takes the layers on which no disk stands.
      exclusiveBytes: stacks.freedBytes(stack, upper),
      referencedBytes: referenced.bytes,
      referencedInodes: referenced.inodes,
    };
  });
}

/** What the layers of a stack take. */
export function stackTaken(disks: DiskRegistry, kept: KeptRegions, stack: LayerId[]): Taken {
  return regionsTaken(kept.ask(stack.map((id) => layerRegion(disks, kept, id))));
}

/** What removing the layers would free: a file goes when all of its links go. */
export function layersBytes({ files, layers }: DiskRegistry, ids: LayerId[]): number {
  const gone = new RegionGroup(ids.map((id) => [id, measureRegion(files, layers.path(id))]));
  const { taken, partial } = gone;
  return [...partial].reduce((bytes, key) => bytes - (gone.files.get(key)?.allocatedBytes ?? 0), taken.bytes);
}

/** Of a disk that another process deletes meanwhile: none. */
function stackOf(disks: DiskRegistry, layers: LayerRegions, id: string): [string, LayerId[]][] {
  try {
    const disk = disks.read(id);
    return [[id, layers.stack(disk.top) ?? disks.stack(disk)]];
  } catch (error) {
    if (error instanceof StoreError && error.code === "disk_not_found") return [];
    throw error;
  }
}
