/** Removes what no disk needs: layers, half-built disks whose builder died, and the trash. */
import type { LayerId } from "../ids.js";
import { StoreError } from "../errors.js";
import { syncDirectory, withDirectory } from "../platform/durable.js";
import { Lock } from "../platform/lock.js";
import type { Repository } from "../snapshot/repository.js";
import { forgetAllDeleted } from "./deletion.js";
import { lockName, type DiskRegistry } from "./registry.js";
import { moveToTrash, removeFromTrash, trashNames } from "./trash.js";

/** Layers that no disk stands on, each before those below it. Null when a damaged disk makes that impossible to say. */
export function unneededLayers(disks: DiskRegistry): LayerId[] | null {
  const needed = new Set<LayerId>();
  try {
    for (const id of disks.ids()) for (const layer of disks.stack(disks.read(id))) needed.add(layer);
  } catch (error) {
    if (error instanceof StoreError && error.code === "corrupt") return null;
    throw error;
  }
  const unneeded = disks.layers.ids().filter((layer) => !needed.has(layer));
  // Stopped half way, what is left must still stand on layers that are there.
  const depths = new Map(unneeded.map((layer) => [layer, depthOf(disks, layer)]));
  return unneeded.sort((a, b) => (depths.get(b) as number) - (depths.get(a) as number));
}

function depthOf(disks: DiskRegistry, layer: LayerId): number {
  return disks.layers.isWhole(layer) ? disks.layers.stack(layer).length : Infinity;
}

/** Returns the allocated bytes that came back, and how many layers went. */
export function sweep(disks: DiskRegistry, repository: Repository): { freedBytes: number; count: number } {
  const { files, layout } = disks;
  const count = disks.guarded("exclusive", () => {
    forgetAllDeleted(disks, repository);
    moveAbandoned(disks);
    const layers = unneededLayers(disks) ?? [];
    for (const layer of layers) moveToTrash(files, layout.trash, disks.layers.path(layer), "layer");
    if (layers.length > 0) {
      syncDirectory(files, layout.trash);
      syncDirectory(files, layout.layers);
    }
    return layers.length;
  });
  return { freedBytes: removeFromTrash(files, layout.trash, trashNames(files, layout.trash)), count };
}

/** A half-built disk is locked by its builder; a free lock means that the builder is gone. */
function moveAbandoned(disks: DiskRegistry): void {
  const { files, layout } = disks;
  const staged = withDirectory(files, layout.disks, (directory) => files.list(directory))
    .map((entry) => entry.name.toString("utf8"))
    .filter((name) => name.startsWith(".tmp-"));
  for (const name of staged) {
    const path = `${layout.disks}/${name}`;
    const lock = Lock.take(files, `${path}/${lockName}`, "exclusive", { wait: false });
    if (lock === null) continue;
    moveToTrash(files, layout.trash, path, "unfinished");
    lock.release();
  }
}
