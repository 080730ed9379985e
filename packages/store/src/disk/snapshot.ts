/** Restore points of a disk: what is new is frozen, walked and stored, and the layer remembers the tree it shows. */
import type { Consistency, SnapshotInfo } from "../api.js";
import type { LayerId } from "../ids.js";
import type { Owners } from "../snapshot/owners.js";
import type { Repository } from "../snapshot/repository.js";
import type { RecordedWalk } from "../snapshot/recorded-walk.js";
import { saveWalk } from "../snapshot/stat-cache.js";
import type { Work } from "../snapshot/work.js";
import { captureStack } from "./capture.js";
import type { DiskDescription } from "./description.js";
import { freeze, isPristine } from "./freeze.js";
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
    let standing: (DiskDescription & { top: LayerId }) | null = null;
    let captured: LayerId | null = null;
    let walked: RecordedWalk | null = null;
    const upper = disks.upperPath(disk);
    const parent = repository.listSnapshots(disk.id)[0]?.id ?? null;
    const snapshot = repository.addSnapshot(
      lease,
      { scope: disk.id, name, comment, consistency, parent },
      (writer) => {
        work.restart();
        if (disk.driver === "directory") {
          const result = capturePlain(repository, writer, upper, { owners, work, previous });
          walked = result.walk;
          return result;
        }
        const options = { owners, work, trees };
        if (consistency === "live") {
          return captureStack(disks.files, disks.layers, writer, disks.stack(disk), upper, options);
        }
        standing ??= isPristine(disks, disk) ? disk : freeze(disks, disk);
        captured = standing.top;
        return captureStack(disks.files, disks.layers, writer, disks.stack(standing), null, options);
      },
    );
    if (walked !== null) saveWalk(repository, disks.path(disk.id), owners, snapshot.id, walked, previous);
    // A tree that lacks what could not be read is not what the layer shows, so the layer is walked again next time.
    const exact = work.allProblems().length === 0;
    if (captured !== null && exact && disks.layers.tree(captured) !== snapshot.tree) {
      disks.layers.setTree(captured, snapshot.tree);
    }
    return snapshot;
  });
}
