/** Independent copies. An overlay disk is copied by standing on the same layers; no file is read or written. */
import type { SnapshotInfo } from "../api.js";
import { treeDigest } from "../snapshot/record.js";
import type { Owners } from "../snapshot/owners.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { buildDisk, publish, type StagedDisk } from "./create.js";
import type { DiskDescription } from "./description.js";
import { freeze, isPristine } from "./freeze.js";
import { filesName, makeGeneration, syncGeneration } from "./generation.js";
import { liveTrees } from "./live-trees.js";
import { capturePlain, fillPlain } from "./plain.js";
import { adoptLayer, buildName, provideLayer } from "./provide-layer.js";
import type { DiskRegistry } from "./registry.js";
import { removeTree } from "../snapshot/remove.js";
import { withDirectory } from "../platform/durable.js";

export interface CloneOptions {
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
  buildDisk(disks, id, (staged) => {
    if (source.driver === "directory") {
      copyPlain(disks, repository, source, staged, options);
      return;
    }
    const makeFirst = (): void => makeGeneration(disks.files, staged.generation, disks.upperPath(source));
    let top;
    if (isPristine(disks, source)) {
      makeFirst();
      syncGeneration(disks.files, staged.generation);
      top = source.top;
    } else {
      top = freeze(disks, source, makeFirst).top;
    }
    disks.guarded("exclusive", () => publish(disks, repository, staged, { driver: "overlay", top }));
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
  buildDisk(disks, id, (staged) =>
    repository.withObjects(() => {
      const { driver } = source;
      if (driver === "directory") {
        makeGeneration(disks.files, staged.generation, null);
        fillPlain(repository, treeDigest(snapshot.tree), staged.files, options);
        syncGeneration(disks.files, staged.generation);
        disks.guarded("exclusive", () => publish(disks, repository, staged, { driver, top: null }));
        return;
      }
      const trees = liveTrees(repository);
      adoptLayer(
        disks,
        () => {
          removeBelow(disks, staged, [buildName, staged.generation.slice(staged.path.length + 1)]);
          const stack = disks.stack(disks.read(source.id));
          const build = `${staged.path}/${buildName}`;
          const layer = provideLayer(disks, repository.chunks, stack, snapshot.tree, build, {
            ...options,
            trees,
          });
          const from =
            layer.built === null ? disks.layers.filesPath(layer.id) : `${layer.built}/${filesName}`;
          makeGeneration(disks.files, staged.generation, from);
          syncGeneration(disks.files, staged.generation);
          return layer;
        },
        (layer) => publish(disks, repository, staged, { driver, top: layer.id }),
      );
    }),
  );
}

/** What an attempt before this one left is in the way. */
function removeBelow(disks: DiskRegistry, staged: StagedDisk, names: string[]): void {
  withDirectory(disks.files, staged.path, (directory) => {
    for (const name of names) removeTree(disks.files, directory, name);
  });
}

/** By way of the objects, which no snapshot has and the next collection removes. */
function copyPlain(
  disks: DiskRegistry,
  repository: Repository,
  source: DiskDescription,
  staged: StagedDisk,
  options: CloneOptions,
): void {
  repository.withObjects(() => {
    const writer = repository.chunks.writer();
    try {
      const { tree } = capturePlain(repository, writer, disks.upperPath(source), options);
      writer.commit();
      makeGeneration(disks.files, staged.generation, null);
      fillPlain(repository, tree, staged.files, options);
      syncGeneration(disks.files, staged.generation);
    } finally {
      writer.abort();
    }
    disks.guarded("exclusive", () => publish(disks, repository, staged, { driver: "directory", top: null }));
  });
}
