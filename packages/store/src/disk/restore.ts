/**
 * Puts a disk back to a snapshot: onto a layer that shows it where there is one, else onto one built from the difference.
 * The disk changes by one replacement of `disk.json`; until then it is as it was.
 */
import type { SnapshotInfo } from "../api.js";
import type { TreeId } from "../ids.js";
import type { Owners } from "../snapshot/owners.js";
import { treeDigest } from "../snapshot/record.js";
import type { Repository } from "../snapshot/repository.js";
import { restoreTree, type RestoreCounts } from "../snapshot/restore.js";
import type { PreviousWalk } from "../snapshot/stat-cache.js";
import { requirePaths } from "../snapshot/wanted-paths.js";
import type { Work } from "../snapshot/work.js";
import { syncDirectory, withDirectory } from "../platform/durable.js";
import { readRoot } from "../tree/directory.js";
import { entryAt } from "../tree/path.js";
import { captureStack } from "./capture.js";
import { nextGeneration, type DiskDescription } from "./description.js";
import { countDifferences } from "../tree/diff.js";
import { requireWithinCap, type DiskCap } from "./disk-cap.js";
import { freeze, isPristine } from "./freeze.js";
import { copySubvolumeGeneration, filesName, makeGeneration, syncGeneration } from "./generation.js";
import { graft } from "./graft.js";
import { HashingWriter } from "../tree/hashing-writer.js";
import { pinTreesAndWalk } from "./plain.js";
import { adoptLayer, buildLayer, buildName, provideLayer, type ProvidedLayer } from "./provide-layer.js";
import type { DiskRegistry } from "./registry.js";
import { discard } from "./trash.js";

export interface DiskRestoreOptions {
  dryRun: boolean;
  /** Null: everything. */
  paths: Uint8Array[] | null;
  /** Of the disk that comes of it. */
  cap: DiskCap;
  owners: Owners;
  work: Work;
}

/** Needs the disk's lock. */
export function restoreDisk(
  disks: DiskRegistry,
  repository: Repository,
  disk: DiskDescription,
  snapshot: SnapshotInfo,
  options: DiskRestoreOptions,
): RestoreCounts {
  const resolve = pinTreesAndWalk(disks, repository, disk, options.owners, snapshot);
  return repository.reading(resolve, ({ trees, previous }) => {
    if (disk.driver === "directory")
      return restorePlain(disks, repository, disk, snapshot, previous, options);
    return new OverlayRestore(disks, repository, disk, snapshot, options).run(trees);
  });
}

/**
 * Only what differs is written: into a copy that takes the directory's place where the filesystem makes one at once, else in
 * place; that is to be run again when it was interrupted.
 */
function restorePlain(
  disks: DiskRegistry,
  repository: Repository,
  disk: DiskDescription,
  snapshot: SnapshotInfo,
  previous: PreviousWalk | null,
  { dryRun, paths, owners, work }: DiskRestoreOptions,
): RestoreCounts {
  const { files, chunks } = repository;
  const root = readRoot(chunks, treeDigest(snapshot.tree));
  const present = disks.upperPath(disk);
  const restoreInto = (path: string): RestoreCounts =>
    withDirectory(files, path, (target) => {
      const counts = restoreTree(files, chunks, root, target, {
        owners,
        work,
        delete: true,
        dryRun,
        paths: paths?.map((path) => Buffer.from(path)) ?? null,
        previous,
      });
      if (!dryRun) files.syncFilesystem(target);
      return counts;
    });
  const upper = nextGeneration(disk.upper);
  const path = `${disks.path(disk.id)}/${upper}`;
  if (dryRun || !copySubvolumeGeneration(files, path, present)) return restoreInto(present);
  const counts = restoreInto(`${path}/${filesName}`);
  disks.write({ ...disk, upper });
  discard(files, disks.path(disk.id), [disk.upper]);
  return counts;
}

class OverlayRestore {
  readonly #disks: DiskRegistry;
  readonly #repository: Repository;
  readonly #disk: DiskDescription;
  readonly #snapshot: SnapshotInfo;
  readonly #options: DiskRestoreOptions;
  /** Objects of the present state that are not stored, and of the wanted state. */
  readonly #objects: HashingWriter;

  constructor(
    disks: DiskRegistry,
    repository: Repository,
    disk: DiskDescription,
    snapshot: SnapshotInfo,
    options: DiskRestoreOptions,
  ) {
    this.#disks = disks;
    this.#repository = repository;
    this.#disk = disk;
    this.#snapshot = snapshot;
    this.#options = options;
    this.#objects = new HashingWriter(repository.chunks);
  }

  /** `trees`: those that are sure to stay meanwhile. */
  run(trees: ReadonlySet<TreeId>): RestoreCounts {
    const { dryRun, paths, owners, work } = this.#options;
    const disks = this.#disks;
    const stack = disks.stack(this.#disk);
    const upper = isPristine(disks, this.#disk) ? null : disks.upperPath(this.#disk);
    const present = captureStack(disks.files, disks.layers, this.#objects, stack, upper, {
      owners,
      work,
      trees,
    });
    const snapshotRoot = readRoot(this.#objects, treeDigest(this.#snapshot.tree));
    requirePaths(this.#objects, snapshotRoot, paths ?? [], (components) => {
      return entryAt(this.#objects, present.root, components) !== null;
    });
    const wanted = paths === null ? snapshotRoot : graft(this.#objects, present.root, snapshotRoot, paths);
    const counts = { ...countDifferences(this.#objects, present.root, wanted), writtenBytes: 0 };
    if (dryRun) return counts;
    let standing = this.#disk;
    if (paths !== null) {
      // What the present state consists of is not all stored, so the new layer stands on it.
      if (upper !== null) standing = freeze(disks, this.#disk);
      counts.writtenBytes = this.#switchTo(standing, () =>
        this.#build(() =>
          buildLayer(
            disks,
            this.#objects,
            { parent: standing.top, before: present.root, after: wanted, tree: null },
            this.#buildPath(),
            { owners, work },
          ),
        ),
      );
      return counts;
    }
    counts.writtenBytes = this.#switchTo(standing, () =>
      this.#build(() =>
        provideLayer(disks, this.#repository.chunks, stack, this.#snapshot.tree, this.#buildPath(), {
          owners,
          work,
          trees,
        }),
      ),
    );
    return counts;
  }

  #buildPath(): string {
    return `${this.#disks.path(this.#disk.id)}/${buildName}`;
  }

  #nextPath(disk: DiskDescription): string {
    return `${this.#disks.path(disk.id)}/${nextGeneration(disk.upper)}`;
  }

  /** What an attempt before this one left is in the way. */
  #build(provide: () => ProvidedLayer): ProvidedLayer {
    this.#discard([buildName]);
    return provide();
  }

  /** Puts the disk on a layer, with a fresh upper. Returns the bytes written. */
  #switchTo(disk: DiskDescription, provide: () => ProvidedLayer): number {
    const disks = this.#disks;
    const upper = nextGeneration(disk.upper);
    const writtenBytes = adoptLayer(
      disks,
      () => {
        const layer = provide();
        requireWithinCap(disks, this.#repository.regions, this.#options.cap, layer);
        const from = layer.built === null ? disks.layers.filesPath(layer.id) : `${layer.built}/${filesName}`;
        this.#discard([upper]);
        makeGeneration(disks.files, this.#nextPath(disk), from);
        syncGeneration(disks.files, this.#nextPath(disk));
        // The name of the generation too, before `disk.json` names it: nothing orders two changes of one directory.
        syncDirectory(disks.files, disks.path(disk.id));
        return layer;
      },
      (layer) => {
        disks.write({ ...disk, top: layer.id, upper, freezing: null });
        return layer.writtenBytes;
      },
    );
    // This is what a restore throws away; a snapshot taken before has it.
    this.#discard([disk.upper]);
    return writtenBytes;
  }

  #discard(names: string[]): void {
    discard(this.#disks.files, this.#disks.path(this.#disk.id), names);
  }
}
