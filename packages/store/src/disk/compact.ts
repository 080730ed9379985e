/**
 * Keeps the stack of an idle disk short: its topmost layers become one new layer of hard links, and the disk stands on
 * that. The steps:
 *
 *     1. the new layer is built in the directory of the disk, where nothing names it, and made durable
 *     2. it moves to `layers/<id>`
 *     3. `disk.json` names it as top: the commit
 *
 * A crash before 3 leaves garbage and the disk as it was. The merged layers stay for whoever else stands on them.
 */
import { StoreError } from "../errors.js";
import type { LayerId } from "../ids.js";
import { withDirectory } from "../platform/durable.js";
import { anywhere, isErrno, type Fd, type Files } from "../platform/files.js";
import { walkBelow } from "../platform/walk.js";
import { runToMerge } from "./compact-plan.js";
import type { DiskDescription } from "./description.js";
import { filesName } from "./generation.js";
import { encodeLayer } from "./layer-file.js";
import { newLayerId } from "./layer-id.js";
import { encodeTree, layerFileName, treeFileName } from "./layers.js";
import { mergeLayers } from "./merge-layers.js";
import { adoptLayer, buildName, type ProvidedLayer } from "./provide-layer.js";
import type { DiskRegistry } from "./registry.js";
import { discard } from "./trash.js";
import { writePlainly } from "./write-plainly.js";

/**
 * What must not keep anybody from a disk that can still be used as it is: no room, too many links to a file (a user can
 * make as many as the filesystem allows), no permission, or too many directories below one another or open at once.
 */
const tolerated = ["ENOSPC", "EDQUOT", "EMLINK", "EACCES", "EPERM", "EMFILE", "ENFILE"];

/**
 * Merges when the stack has reached `layersMax`, so that one more layer always has its place. Needs the disk's lock. A
 * merge that is not possible leaves the disk as it was; once its stack is twice too long, that is an error with code
 * `io_error`, `no_space`, `too_large` or `permission_denied`, because soon no kernel would mount it.
 */
export function compactWhenLong(
  disks: DiskRegistry,
  disk: DiskDescription,
  layersMax: number,
): DiskDescription {
  const stack = disks.stack(disk);
  if (stack.length < Math.max(2, layersMax)) return disk;
  try {
    return compact(disks, disk, stack, layersMax);
  } catch (error) {
    const isTooDeep = error instanceof StoreError && error.code === "too_large";
    if (!isTooDeep && !isErrno(error, ...tolerated)) throw error;
    discard(disks.files, disks.path(disk.id), [buildName]);
    if (stack.length < 2 * layersMax) return disk;
    const { code, message, data } = error as StoreError;
    throw new StoreError(
      code,
      `disk ${disk.id} has ${stack.length} layers that cannot be merged: ${message}`,
      {
        cause: error,
        data: { ...data, disk: disk.id },
      },
    );
  }
}

function compact(
  disks: DiskRegistry,
  disk: DiskDescription,
  stack: LayerId[],
  layersMax: number,
): DiskDescription {
  const { files, layers } = disks;
  const run = runToMerge(stack.length, layersMax, (at, stopAt) =>
    withDirectory(files, layers.filesPath(stack[at] as LayerId), (directory) =>
      countEntries(files, directory, stopAt),
    ),
  );
  const build = `${disks.path(disk.id)}/${buildName}`;
  return adoptLayer(
    disks,
    () => {
      discard(files, disks.path(disk.id), [buildName]);
      return buildMerged(disks, stack.slice(0, run), stack.slice(run), build);
    },
    ({ id }) => disks.write({ ...disk, top: id, freezing: null }),
  );
}

function buildMerged(disks: DiskRegistry, merged: LayerId[], below: LayerId[], build: string): ProvidedLayer {
  const { files, layers } = disks;
  files.makeDirectory(anywhere, build, 0o700);
  withDirectory(files, build, (directory) => {
    const description = encodeLayer({ parent: below[0] ?? null, createdAtMs: Date.now() });
    writePlainly(files, directory, layerFileName, description);
    const tree = layers.tree(merged[0] as LayerId);
    if (tree !== null) writePlainly(files, directory, treeFileName, encodeTree(tree));
    files.makeDirectory(directory, filesName, 0o700);
    const opened: Fd[] = [];
    try {
      for (const id of [...merged, ...below])
        opened.push(files.open(anywhere, layers.filesPath(id), { directory: true }));
      withDirectory(files, `${build}/${filesName}`, (target) =>
        mergeLayers(files, opened.slice(0, merged.length), opened.slice(merged.length), target),
      );
    } finally {
      for (const source of opened) files.close(source);
    }
    files.syncFilesystem(directory);
  });
  return { id: newLayerId(), built: build, top: below[0] ?? null, writtenBytes: 0 };
}

/** A directory counts itself. Ends early, with at least `stopAt`, where that many were met. */
function countEntries(files: Files, directory: Fd, stopAt: number): number {
  let count = 1;
  walkBelow(files, directory, {
    enter: (parent, { name, type }) => {
      if (count >= stopAt) return null;
      count += 1;
      if ((type ?? files.stat(parent, name).type) !== "directory") return null;
      return files.open(parent, name, { directory: true });
    },
  });
  return count;
}
