/** Finds a layer that shows a tree, or builds one from the difference to the nearest layer whose tree is known. */
import type { LayerId, TreeId } from "../ids.js";
import { StoreError } from "../errors.js";
import type { ObjectSource } from "../pack/chunks.js";
import { syncDirectory, withDirectory } from "../platform/durable.js";
import { anywhere } from "../platform/files.js";
import type { Owners } from "../snapshot/owners.js";
import { treeDigest } from "../snapshot/record.js";
import type { Work } from "../snapshot/work.js";
import { readRoot } from "../tree/directory.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { topmostKnown } from "./capture.js";
import { filesName } from "./generation.js";
import { encodeLayer } from "./layer-file.js";
import { newLayerId } from "./layer-id.js";
import { writeLayer } from "./layer-writer.js";
import { encodeTree, layerFileName, treeFileName } from "./layers.js";
import type { DiskRegistry } from "./registry.js";
import { writePlainly } from "./write-plainly.js";

/** A layer to stand on. `built`: the directory that must become the layer first. */
export interface ProvidedLayer {
  id: LayerId;
  built: string | null;
  /** The topmost of the layers it consists of, without the one that is built. */
  top: LayerId | null;
  writtenBytes: number;
}

export interface BuildOptions {
  owners: Owners;
  work: Work;
  trees: ReadonlySet<TreeId>;
}

/** Where a layer is built inside the directory of the disk that is to stand on it; nothing names it, so a crash leaves garbage. */
export const buildName = "build";

/** A sweep takes a moment and is rare. */
const adoptAttemptsMax = 5;

/** `wanted` must be a tree of a snapshot, and the objects locked. */
export function provideLayer(
  disks: DiskRegistry,
  source: ObjectSource,
  stack: LayerId[],
  wanted: TreeId,
  buildPath: string,
  options: BuildOptions,
): ProvidedLayer {
  const found = disks.layers.find(wanted, stack);
  if (found !== null) return { id: found, built: null, top: found, writtenBytes: 0 };
  const known = topmostKnown(disks.layers, stack, options.trees);
  const before = known === null ? null : readRoot(source, treeDigest(known.tree));
  const after = readRoot(source, treeDigest(wanted));
  return buildLayer(
    disks,
    source,
    { parent: known?.layer ?? null, before, after, tree: wanted },
    buildPath,
    options,
  );
}

/** Builds a layer that shows `after` above `parent`, whose stack shows `before`. `tree`: what a snapshot calls `after`. */
export function buildLayer(
  disks: DiskRegistry,
  source: ObjectSource,
  layer: {
    parent: LayerId | null;
    before: DirectoryTreeEntry | null;
    after: DirectoryTreeEntry;
    tree: TreeId | null;
  },
  buildPath: string,
  options: { owners: Owners; work: Work },
): ProvidedLayer {
  const { files } = disks;
  files.makeDirectory(anywhere, buildPath, 0o700);
  return withDirectory(files, buildPath, (directory) => {
    writePlainly(
      files,
      directory,
      layerFileName,
      encodeLayer({ parent: layer.parent, createdAtMs: Date.now() }),
    );
    files.makeDirectory(directory, filesName, 0o700);
    const writtenBytes = withDirectory(files, `${buildPath}/${filesName}`, (target) =>
      writeLayer(files, source, layer.before, layer.after, target, options),
    );
    // A layer that could not be made exactly so is only what it is; the next snapshot walks it.
    const exact = options.work.allProblems().length === 0;
    if (exact && layer.tree !== null) writePlainly(files, directory, treeFileName, encodeTree(layer.tree));
    files.syncFilesystem(directory);
    return { id: newLayerId(), built: buildPath, top: layer.parent, writtenBytes };
  });
}

/**
 * Brings a provided layer under its name and runs `commit`, which makes a disk name it, under the exclusive lock of all
 * disks. A sweep in another process may have taken the layer, or one below it, before: then `provide` is asked again.
 */
export function adoptLayer<Result>(
  disks: DiskRegistry,
  provide: () => ProvidedLayer,
  commit: (layer: ProvidedLayer) => Result,
): Result {
  const { files, layers, layout } = disks;
  for (let attempt = 1; attempt <= adoptAttemptsMax; attempt++) {
    const layer = provide();
    const done = disks.guarded("exclusive", () => {
      if (layer.built !== null) {
        files.rename(anywhere, layer.built, anywhere, layers.path(layer.id));
      }
      // Also for a layer that was found: whoever moved it there may have died before its name was durable.
      syncDirectory(files, layout.layers);
      return layers.isWhole(layer.id) ? { result: commit(layer) } : null;
    });
    if (done !== null) return done.result;
  }
  throw new StoreError("io_error", `layers were removed during each of ${adoptAttemptsMax} attempts`);
}
