/** What a disk takes on the filesystem. Every inode counts once, also where a later layer holds a hard link to it. */
import type { DiskUsage } from "../api.js";
import type { LayerId } from "../ids.js";
import { allocatedUnder } from "../platform/allocated.js";
import type { DiskRegistry } from "./registry.js";

/** The upper is counted with the directory of the disk around it: that is what deleting it would free. */
export function diskUsage(disks: DiskRegistry, id: string): DiskUsage {
  const stack = disks.stack(disks.read(id));
  const others = new Set<LayerId>();
  for (const other of disks.ids()) {
    if (other !== id) for (const layer of disks.stack(disks.read(other))) others.add(layer);
  }
  const seen = new Set<string>();
  const upperBytes = allocatedUnder(disks.files, disks.path(id), seen);
  let exclusiveBytes = upperBytes;
  let referencedBytes = upperBytes;
  // What others stand on is counted first, so that an inode they share is not taken for exclusive.
  const sharedFirst = [...stack].sort((a, b) => Number(others.has(b)) - Number(others.has(a)));
  for (const layer of sharedFirst) {
    const bytes = allocatedUnder(disks.files, disks.layers.path(layer), seen);
    referencedBytes += bytes;
    if (!others.has(layer)) exclusiveBytes += bytes;
  }
  return { upperBytes, exclusiveBytes, referencedBytes };
}

export function layersBytes(disks: DiskRegistry, layers: LayerId[]): number {
  const seen = new Set<string>();
  return layers.reduce(
    (total, layer) => total + allocatedUnder(disks.files, disks.layers.path(layer), seen),
    0,
  );
}
