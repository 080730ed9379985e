/** Holds what processes write to an attached disk to a cap: the kernel where it can, and a watch that tells where it does not. */
import type { DiskGrowthOptions, DiskMount, Disks, GrowthWatch } from "../api.js";
import type { DiskProject } from "../disk/project.js";
import type { Taken } from "../platform/allocated.js";
import type { CapUnit } from "../platform/capped-files.js";
import { cleaning } from "./cap-gauge.js";
import { watchGrowth } from "./growth-watch.js";

/** What stands around an upper and is not in its project: a few directories and small files. */
const aroundUpperMax: Taken = { bytes: 64 * 1024, inodes: 16 };

/** Only root may, and others need not load what calls the kernel. */
const mayAsk = process.getuid?.() === 0;

/**
 * Whether the kernel will hold what is written to disks of a store below a directory, as `Disks.watchGrowth` of this process asks it to:
 * by project quotas of the directory's filesystem. Elsewhere the watch alone does.
 */
export async function kernelHoldsDisks(directory: string): Promise<boolean> {
  return mayAsk && (await import("../disk/project.js")).canHoldDisks(directory);
}

/** By which the kernel can hold a disk that was just attached. The engine may have rights of its own, so the process that watches asks. */
export async function projectOfDisk(mount: DiskMount): Promise<DiskProject | null> {
  return mayAsk ? (await import("../disk/project.js")).provideProject(mount) : null;
}

/** `directory`: that of the store. `project`: null where only the watch holds the disk. */
export function watchDiskGrowth(
  disks: Disks,
  { id, directory, project }: { id: string; directory: string; project: DiskProject | null },
  options: DiskGrowthOptions,
): GrowthWatch {
  const { pause } = options;
  const cap = { bytes: options.capBytes, inodes: options.capInodes ?? Infinity };
  // The layers below do not change while a disk is attached, so they are measured once.
  let layers: Taken | null = null;
  let isLimited = false;
  let isClosed = false;

  const upperTaken = async (): Promise<Taken> => {
    const counted = isLimited ? project?.taken() : null;
    if (counted != null) return counted;
    const { upperBytes, upperInodes } = await disks.upperUsage(id);
    return { bytes: upperBytes, inodes: upperInodes };
  };
  const used = async (): Promise<Taken> => {
    if (layers !== null) return sum(layers, await upperTaken());
    const { referencedBytes, referencedInodes, upperBytes, upperInodes } = await disks.usage(id);
    const all = { bytes: referencedBytes, inodes: referencedInodes };
    layers = { bytes: all.bytes - upperBytes, inodes: all.inodes - upperInodes };
    if (!isClosed) isLimited = project?.limit(upperLimit(cap, layers, all)) ?? false;
    return all;
  };
  // Where the kernel counts, it counts what has no name, too, and nobody has to stand still.
  const unnamed = async (): Promise<number> => (isLimited ? 0 : ((await options.unlinkedBytes?.()) ?? 0));
  const paused = async (): Promise<() => Promise<void>> => {
    const goOn = isLimited ? undefined : await pause?.();
    return async () => goOn?.();
  };
  const measures = { named: used, unnamed, pause: paused };
  const watch = watchGrowth(directory, measures, cap, options);
  return {
    close: () => {
      isClosed = true;
      watch.close();
      if (!isLimited) return;
      isLimited = false;
      try {
        project?.limit(null);
      } catch {
        // A disk that is gone has no limit, and one that stays is lifted by who attaches the disk next.
      }
    },
  };
}

/** What an upper may take above these layers, so that the watch, which allows the same, has nothing to tell. `all`: what the disk takes now. */
function upperLimit(cap: Taken, layers: Taken, all: Taken): Taken {
  const most = (unit: CapUnit): number => {
    const limit = all[unit] > cap[unit] ? all[unit] + cleaning[unit] : cap[unit];
    return Math.max(1, limit - layers[unit] - aroundUpperMax[unit]);
  };
  return { bytes: most("bytes"), inodes: most("inodes") };
}

function sum(a: Taken, b: Taken): Taken {
  return { bytes: a.bytes + b.bytes, inodes: a.inodes + b.inodes };
}
