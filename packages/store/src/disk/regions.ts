/** The parts of a store that disks take beside their layers, each with a stamp that tells whether it may have changed. */
import type { AskedRegion } from "../snapshot/kept-regions.js";
import { stampOf } from "../platform/stamp.js";
import { lockName, type DiskRegistry } from "./registry.js";

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
