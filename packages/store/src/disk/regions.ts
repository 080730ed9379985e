/** The parts of a store that disks take: one a layer and one a disk, each with a stamp that tells whether it may have changed. */
import type { LayerId } from "../ids.js";
import { statIfPresent } from "../platform/durable.js";
import type { AskedRegion } from "../snapshot/kept-regions.js";
import { stampOf } from "../platform/stamp.js";
import { treeFileName } from "./layers.js";
import { lockName, type DiskRegistry } from "./registry.js";

/** The files of a layer never change; beside them stands its tree, once that is known. */
export function layerRegion({ files, layers }: DiskRegistry, id: LayerId): AskedRegion {
  const path = layers.path(id);
  const stamp = stampOf(files, path);
  const treeBytes = statIfPresent(files, `${path}/${treeFileName}`)?.allocatedBytes ?? 0;
  return { name: `layers/${id}`, path, stamp: stamp === null ? null : `${stamp}/${treeBytes}` };
}

/** A disk changes only while somebody has it, and whoever takes it touches its lock. */
export function diskRegions(disks: DiskRegistry, ids: readonly string[]): AskedRegion[] {
  const taken = disks.taken(ids);
  return ids.map((id) => {
    const path = disks.path(id);
    const stamps = taken.has(id)
      ? [null]
      : [stampOf(disks.files, path), stampOf(disks.files, `${path}/${lockName}`)];
    return { name: `disks/${id}`, path, stamp: stamps.includes(null) ? null : stamps.join("/") };
  });
}
