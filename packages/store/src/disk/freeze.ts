/**
 * Freezing turns a disk's upper into its top layer and puts a fresh upper above, by renames alone. The steps:
 *
 *     1. a fresh generation with the root's metadata, `layer.json` and, where it is known, `tree` beside the files that are to become
 *        the layer, and the new `disk.json` beside the old
 *     2. everything on the filesystem durable
 *     3. `disk.json` names the layer as top, the fresh generation as upper, and the old one as `freezing`: the commit
 *     4. the old generation moves to `layers/<id>`
 *
 * A crash before 3 leaves the disk as it was; after 3 the fourth step is done again by whoever takes the disk next. So the
 * move need not be durable before this disk gets another `freezing`, or another disk stands on the layer: whoever brings
 * about either makes the names of the layers durable first.
 */
import type { LayerId, TreeId } from "../ids.js";
import { removeIfPresent, syncDirectory, withDirectory } from "../platform/durable.js";
import { anywhere } from "../platform/files.js";
import { syncContents } from "../platform/staged-file.js";
import { changesName } from "../snapshot/overlay-marks.js";
import { removeTree } from "../snapshot/remove.js";
import { hasNoChanges } from "./changes.js";
import { nextGeneration, type DiskDescription } from "./description.js";
import { makeGeneration, workName } from "./generation.js";
import { encodeLayer } from "./layer-file.js";
import { newLayerId } from "./layer-id.js";
import { encodeTree, layerFileName, treeFileName } from "./layers.js";
import { descriptionName, type DiskRegistry } from "./registry.js";
import { sameRootMetadata } from "./root-metadata.js";
import { discard } from "./trash.js";
import { writeAnew } from "./write-plainly.js";

/** What a freeze puts beside the files that are to become a layer; one that was interrupted leaves it. */
const freezeNames = [layerFileName, treeFileName];

/** True when the disk is nothing but its top layer. A disk without layers never is. */
export function isPristine(
  disks: DiskRegistry,
  disk: DiskDescription,
): disk is DiskDescription & { top: LayerId } {
  if (disk.top === null) return false;
  const upper = disks.upperPath(disk);
  const entries = withDirectory(disks.files, upper, (directory) => disks.files.list(directory));
  const addNothing = entries.every(({ name }) => name.equals(changesName) && hasNoChanges(disks, disk));
  return addNothing && sameRootMetadata(disks.files, upper, disks.layers.filesPath(disk.top));
}

/** A freeze that is ready: `name` may be called once everything on the filesystem of the disk is durable. */
export interface StagedFreeze {
  frozen: DiskDescription & { top: LayerId };
  /** On that filesystem. */
  filesystem: string;
  /** The commit, once `directory` is synced. */
  name: () => void;
  directory: string;
  /** After that sync. */
  settle: () => void;
  /** Idempotent. Nothing once the disk has changed, also where anything failed after that. */
  discard: () => void;
}

/**
 * Needs the disk's lock, until `settle` has returned. `tree`: what the new layer's stack shows, where that is known. `more` is told the new
 * layer's id and may make more that is to be durable with it.
 */
export function stageFreeze(
  disks: DiskRegistry,
  disk: DiskDescription,
  { tree = null, more = () => undefined }: { tree?: TreeId | null; more?: (top: LayerId) => void } = {},
): StagedFreeze {
  const { files } = disks;
  const path = disks.path(disk.id);
  const upper = nextGeneration(disk.upper);
  const old = `${path}/${disk.upper}`;
  const top = newLayerId();
  makeGeneration(files, `${path}/${upper}`, disks.upperPath(disk));
  withDirectory(files, old, (directory) => {
    const description = encodeLayer({ parent: disk.top, createdAtMs: Date.now() });
    writeAnew(files, directory, layerFileName, description);
    if (tree === null) removeIfPresent(files, directory, treeFileName);
    else writeAnew(files, directory, treeFileName, encodeTree(tree));
    more(top);
  });
  const frozen = { ...disk, top, upper, freezing: disk.upper };
  const description = disks.stage(frozen);
  let isNamed = false;
  return {
    frozen,
    filesystem: old,
    name: () => {
      description.name(descriptionName);
      isNamed = true;
    },
    directory: path,
    settle: () => moveFrozen(disks, frozen, old),
    discard: () => {
      if (isNamed) return;
      description.discard();
      discard(files, path, [upper]);
      for (const name of freezeNames) removeIfPresent(files, anywhere, `${old}/${name}`);
    },
  };
}

export function freeze(
  disks: DiskRegistry,
  disk: DiskDescription,
  more: (top: LayerId) => void = () => undefined,
): DiskDescription & { top: LayerId } {
  const staged = stageFreeze(disks, disk, { more });
  try {
    syncContents(disks.files, [], staged.filesystem);
    staged.name();
    syncDirectory(disks.files, staged.directory);
    staged.settle();
  } finally {
    staged.discard();
  }
  return staged.frozen;
}

/** Ends a freeze whose commit is durable, also one that a crash interrupted. Needs the disk's lock. */
export function finishFreeze(disks: DiskRegistry, disk: DiskDescription): void {
  const generation = disks.unmoved(disk);
  if (generation !== null) moveFrozen(disks, disk, generation);
}

function moveFrozen(disks: DiskRegistry, disk: DiskDescription, generation: string): void {
  const { files, layers } = disks;
  withDirectory(files, generation, (directory) => removeTree(files, directory, workName));
  disks.guarded("exclusive", () =>
    files.rename(anywhere, generation, anywhere, layers.path(disk.top as LayerId)),
  );
}
