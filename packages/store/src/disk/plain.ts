/**
 * The driver `directory`: a disk that is one plain directory, for where overlay mounts do not work. A copy shares what the
 * filesystem can share: a btrfs subvolume is copied at once, files on btrfs and XFS by their extents.
 */
import type { Repository } from "../snapshot/repository.js";
import { withDirectory } from "../platform/durable.js";
import type { Files } from "../platform/files.js";
import type { ObjectWriter } from "../pack/chunks.js";
import { Materializer } from "../snapshot/materialize.js";
import type { Owners } from "../snapshot/owners.js";
import { scan, type WalkResult } from "../snapshot/scan.js";
import { loadPreviousWalk, type PreviousWalk } from "../snapshot/stat-cache.js";
import { rootPlace } from "../snapshot/place.js";
import type { Work } from "../snapshot/work.js";
import { readDirectory, readRoot } from "../tree/directory.js";
import type { Digest } from "../chunk/hash.js";
import type { SnapshotInfo } from "../api.js";
import type { TreeId } from "../ids.js";
import { pinLiveTrees } from "./live-trees.js";
import type { DiskDescription } from "./description.js";
import type { DiskRegistry } from "./registry.js";
import { copyTree } from "./copy-tree.js";
import { copySubvolumeGeneration, filesName, makePlainGeneration } from "./generation.js";

/** For a lease: pins the trees that are relied on, and of a plain disk also the last walk. `wanted` must still be there. */
export function pinTreesAndWalk(
  disks: DiskRegistry,
  repository: Repository,
  disk: DiskDescription,
  owners: Owners,
  wanted: SnapshotInfo | null,
): (pin: (tree: TreeId) => void) => { trees: Set<TreeId>; previous: PreviousWalk | null } {
  return (pin) => ({
    trees: pinLiveTrees(repository, disks.layers, disks.stack(disk), disk.id, wanted)(pin),
    previous:
      disk.driver === "directory" ? loadPreviousWalk(repository, disks.path(disk.id), owners, pin) : null,
  });
}

/** Takes the tree of a plain disk. `previous`: the last walk, whose unchanged files are not read. `sizesOnly`: see `ScanOptions`. */
export function capturePlain(
  repository: Repository,
  writer: ObjectWriter,
  path: string,
  options: { owners: Owners; work: Work; previous: PreviousWalk | null; sizesOnly?: boolean },
): WalkResult {
  return withDirectory(repository.files, path, (directory) =>
    scan(repository.files, writer, directory, options),
  );
}

/** Makes the generation at `path` a copy of the plain directory `from`, and durable. */
export function copyPlainGeneration(files: Files, from: string, path: string, work: Work): void {
  const root = `${path}/${filesName}`;
  if (!copySubvolumeGeneration(files, path, from)) {
    makePlainGeneration(files, path);
    withDirectory(files, from, (source) =>
      withDirectory(files, root, (target) => copyTree(files, source, target, work)),
    );
  }
  withDirectory(files, path, (directory) => files.syncFilesystem(directory));
}

/** Fills an empty directory with a tree, and makes it durable. */
export function fillPlain(
  repository: Repository,
  tree: Digest,
  path: string,
  options: { owners: Owners; work: Work },
): void {
  const { files, chunks } = repository;
  withDirectory(files, path, (target) => {
    const materializer = new Materializer(files, chunks, target, options);
    const root = readRoot(chunks, tree);
    for (const entry of readDirectory(chunks, root.id)) {
      materializer.create(target, entry, { parent: rootPlace, name: entry.name });
    }
    materializer.directoryMetadata(target, root, rootPlace);
    files.syncFilesystem(target);
  });
}
