/**
 * Holds a disk that is made or put back to a cap before anything names what it would stand on. What processes write onto an
 * attached disk is watched instead; see `engine/growth-watch.ts`.
 */
import { takenUnder, type Taken } from "../platform/allocated.js";
import { quotaExceeded } from "../platform/capped-files.js";
import type { KeptRegions } from "../snapshot/kept-regions.js";
import type { ProvidedLayer } from "./provide-layer.js";
import type { DiskRegistry } from "./registry.js";
import { stackTaken } from "./usage.js";

/** On what a disk's layers take, with what it writes itself. Infinity for none. */
export interface DiskCap extends Taken {
  /** Of the disk. */
  id: string;
}

const nothing: Taken = { bytes: 0, inodes: 0 };

/** `own`: what the disk has beside layers. Code `quota_exceeded`, with the disk in `data`. */
export function requireWithinCap(
  disks: DiskRegistry,
  kept: KeptRegions,
  cap: DiskCap,
  { top, built }: Pick<ProvidedLayer, "top" | "built">,
  own = nothing,
): void {
  if (!isCapped(cap)) return;
  const needed = built === null ? nothing : takenUnder(disks.files, built);
  const standing = stackTaken(disks, kept, disks.layers.stack(top));
  for (const unit of ["bytes", "inodes"] as const) {
    const used = standing[unit] + own[unit];
    if (used + needed[unit] > cap[unit])
      throw quotaExceeded({ unit, used, cap: cap[unit], needed: needed[unit] }, cap.id);
  }
}

export function isCapped({ bytes, inodes }: Taken): boolean {
  return bytes !== Infinity || inodes !== Infinity;
}
