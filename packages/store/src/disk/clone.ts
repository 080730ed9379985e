/** Independent copies. An overlay disk is copied by standing on the same layers; no file is read or written. */
import type { SnapshotInfo } from "../api.js";
import type { LayerId } from "../ids.js";
import { treeDigest } from "../snapshot/record.js";
import { takenUnder } from "../platform/allocated.js";
import { syncDirectory } from "../platform/durable.js";
import type { Owners } from "../snapshot/owners.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { buildDisk, describe, publish, syncStaged } from "./create.js";
import { firstGeneration, type DiskDescription } from "./description.js";
import { isCapped, requireWithinCap, type DiskCap } from "./disk-cap.js";
import { freeze, isPristine } from "./freeze.js";
import { filesName, makeGeneration, makePlainGeneration } from "./generation.js";
import { pinLiveTrees } from "./live-trees.js";
import { copyPlainGeneration, fillPlain } from "./plain.js";
import { adoptLayer, buildName, provideLayer } from "./provide-layer.js";
import { descriptionName, type DiskRegistry } from "./registry.js";
import { discard } from "./trash.js";

export interface CloneOptions {
  cap: DiskCap;
  owners: Owners;
  work: Work;
}

/** Copies the present state. Needs the source's lock. Code `disk_exists`. */
export function cloneDisk(
  disks: DiskRegistry,
  repository: Repository,
  source: DiskDescription,
  id: string,
  options: CloneOptions,
): void {
  const { cap } = options;
  // No walk where nothing is asked of it.
  if (isCapped(cap)) {
    const own = takenUnder(disks.files, disks.upperPath(source));
    requireWithinCap(disks, repository.regions, cap, { top: source.top, built: null }, own);
  }
  buildDisk(disks, id, (staged) => {
    if (source.driver === "directory") {
      copyPlainGeneration(disks.files, disks.upperPath(source), staged.generation, options.work);
      describe(disks, staged, { driver: "directory", top: null });
      syncStaged(disks, staged);
      disks.guarded("exclusive", () => publish(disks, repository, staged));
      return;
    }
    const make = (top: LayerId): void => {
      makeGeneration(disks.files, staged.generation, disks.upperPath(source));
      describe(disks, staged, { driver: "overlay", top });
    };
    if (isPristine(disks, source)) {
      make(source.top);
      syncStaged(disks, staged);
    } else {
      freeze(disks, source, make);
    }
    // The source can do without the layer's name being durable, as it still has `freezing`; the copy cannot.
    syncDirectory(disks.files, disks.layout.layers);
    disks.guarded("exclusive", () => publish(disks, repository, staged));
  });
}

/** Copies a snapshot of the source; the source may be in use. */
export function cloneSnapshot(
  disks: DiskRegistry,
  repository: Repository,
  source: DiskDescription,
  snapshot: SnapshotInfo,
  id: string,
  options: CloneOptions,
): void {
  const standing = disks.stack(disks.read(source.id));
  const pinned = pinLiveTrees(repository, disks.layers, standing, source.id, snapshot);
  buildDisk(disks, id, (staged) =>
    repository.reading(pinned, (trees) => {
      const { driver } = source;
      if (driver === "directory") {
        makePlainGeneration(disks.files, staged.generation);
        fillPlain(repository, treeDigest(snapshot.tree), staged.files, options);
        describe(disks, staged, { driver, top: null });
        syncStaged(disks, staged);
        disks.guarded("exclusive", () => publish(disks, repository, staged));
        return;
      }
      adoptLayer(
        disks,
        () => {
          // What an attempt before this one left is in the way.
          discard(disks.files, staged.path, [buildName, firstGeneration(), descriptionName]);
          const stack = disks.stack(disks.read(source.id));
          const build = `${staged.path}/${buildName}`;
          const layer = provideLayer(disks, repository.chunks, stack, snapshot.tree, build, {
            ...options,
            trees,
          });
          requireWithinCap(disks, repository.regions, options.cap, layer);
          const from =
            layer.built === null ? disks.layers.filesPath(layer.id) : `${layer.built}/${filesName}`;
          makeGeneration(disks.files, staged.generation, from);
          describe(disks, staged, { driver, top: layer.id });
          syncStaged(disks, staged);
          return layer;
        },
        () => publish(disks, repository, staged),
      );
    }),
  );
}
