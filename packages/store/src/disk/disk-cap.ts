/**
 * Holds a disk that is made or put back to a cap before anything names what it would stand on. What processes write onto an
 * attached disk is watched instead; see `engine/growth-watch.ts`.
 */
import { allocatedUnder } from "../platform/allocated.js";
import { quotaExceeded } from "../platform/capped-files.js";
import type { KeptRegions } from "../snapshot/kept-regions.js";
import type { ProvidedLayer } from "./provide-layer.js";
import type { DiskRegistry } from "./registry.js";
import { stackBytes } from "./usage.js";

export interface DiskCap {
  /** Of the disk. */
  id: string;
  /** On its layers, with what it writes itself. Infinity for none. */
  bytes: number;
}

/** `ownBytes`: of what the disk has beside layers. Code `quota_exceeded`, with the disk in `data`. */
export function requireWithinCap(
  disks: DiskRegistry,
  kept: KeptRegions,
  cap: DiskCap,
  { top, built }: Pick<ProvidedLayer, "top" | "built">,
  ownBytes = 0,
): void {
  if (cap.bytes === Infinity) return;
  const builtBytes = built === null ? 0 : allocatedUnder(disks.files, built);
  const usedBytes = stackBytes(disks, kept, disks.layers.stack(top)) + ownBytes;
  if (usedBytes + builtBytes > cap.bytes)
    throw quotaExceeded({ usedBytes, capBytes: cap.bytes, neededBytes: builtBytes }, cap.id);
}
