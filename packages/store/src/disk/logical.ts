/** How long the files that a disk shows are, all together: what is in no snapshot is walked, and no file is opened. */
import { owners as ownersOf } from "../snapshot/owners.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { HashingWriter } from "../tree/hashing-writer.js";
import { captureStack } from "./capture.js";
import type { DiskDescription } from "./description.js";
import { pinLiveTrees } from "./live-trees.js";
import { capturePlain } from "./plain.js";
import type { DiskRegistry } from "./registry.js";

/** Each name of a file counts, as in the sums of a tree. */
export function logicalBytes(
  disks: DiskRegistry,
  repository: Repository,
  disk: DiskDescription,
  work: Work,
): number {
  const { files, layers } = disks;
  const stack = disks.stack(disk);
  const upper = disks.upperPath(disk);
  return repository.reading(pinLiveTrees(repository, layers, stack, disk.id, null), (trees) => {
    const writer = new HashingWriter(repository.chunks);
    const options = { owners: ownersOf(), work, sizesOnly: true };
    const { root } =
      disk.driver === "directory"
        ? capturePlain(repository, writer, upper, { ...options, previous: null })
        : captureStack(files, layers, writer, stack, upper, { ...options, trees });
    return root.sums.logicalBytes;
  });
}
