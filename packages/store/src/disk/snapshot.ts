/** Restore points of a disk: what is new is frozen, walked and stored, and the layer remembers the tree it shows. */
import type { Consistency, SnapshotInfo } from "../api.js";
import type { TreeId } from "../ids.js";
import type { Owners } from "../snapshot/owners.js";
import type { ChunkWriter } from "../pack/chunks.js";
import type { Alongside } from "../snapshot/publication.js";
import type { Repository } from "../snapshot/repository.js";
import type { RecordedWalk } from "../snapshot/recorded-walk.js";
import type { ScanResult } from "../snapshot/scan.js";
import { saveWalk } from "../snapshot/stat-cache.js";
import type { Work } from "../snapshot/work.js";
import { captureStack } from "./capture.js";
import type { DiskDescription } from "./description.js";
import { isPristine, stageFreeze, type StagedFreeze } from "./freeze.js";
import { capturePlain, pinTreesAndWalk } from "./plain.js";
import type { DiskRegistry } from "./registry.js";

export interface DiskSnapshotOptions {
  name?: string | undefined;
  comment?: string | undefined;
  owners: Owners;
  work: Work;
}

/** Needs the disk's lock, and for `live` that its writers are paused. */
export function snapshotDisk(
  disks: DiskRegistry,
  repository: Repository,
  disk: DiskDescription,
  consistency: Consistency,
  { name, comment, owners, work }: DiskSnapshotOptions,
): SnapshotInfo {
  const resolve = pinTreesAndWalk(disks, repository, disk, owners, null);
  return repository.writing(resolve, ({ trees, previous }, lease) => {
    const isIdleOverlay = disk.driver === "overlay" && consistency === "idle";
    const pristine = isIdleOverlay && isPristine(disks, disk) ? disk : null;
    let freezing: StagedFreeze | null = null;
    let walked: RecordedWalk | null = null;
    const upper = disks.upperPath(disk);
    const parent = repository.newestSnapshot(disk.id);
    const build = (writer: ChunkWriter): ScanResult => {
      work.restart();
      if (disk.driver === "directory") {
        const result = capturePlain(repository, writer, upper, { owners, work, previous });
        walked = result.walk;
        return result;
      }
      const above = pristine === null ? upper : null;
      return captureStack(disks.files, disks.layers, writer, disks.stack(disk), above, {
        owners,
        work,
        trees,
      });
    };
    // A tree that lacks what could not be read is not what the layer shows, so the layer is walked again next time.
    const isExact = (): boolean => work.allProblems().length === 0;
    const alongside = (tree: TreeId): Alongside | null => {
      if (!isIdleOverlay || pristine !== null) return null;
      // One of an attempt before this one may name another tree.
      freezing?.discard();
      freezing = stageFreeze(disks, disk, { tree: isExact() ? tree : null });
      return freezing;
    };
    let snapshot: SnapshotInfo;
    try {
      const wanted = { scope: disk.id, name, comment, consistency, parent };
      snapshot = repository.addSnapshot(lease, wanted, build, alongside);
    } finally {
      (freezing as StagedFreeze | null)?.discard();
    }
    if (walked !== null) saveWalk(repository, disks.path(disk.id), owners, snapshot.id, walked, previous);
    if (pristine !== null && isExact() && disks.layers.tree(pristine.top) !== snapshot.tree)
      disks.layers.setTree(pristine.top, snapshot.tree);
    return snapshot;
  });
}
