/** Where the bytes of a store are. The categories add up to what `du -s -B1` says of its directory, at rest. */
import type { StoreUsage } from "../api.js";
import type { Repository } from "../snapshot/repository.js";
import { anywhere } from "../platform/files.js";
import { allocatedUnder } from "../platform/allocated.js";
import { liveObjects, packStates } from "./packs.js";

export function measureUsage(repository: Repository): StoreUsage {
  const { files, layout } = repository;
  // One set of inodes for the whole walk, so that hard links between layers count once.
  const seen = new Set<string>();
  const layerBytes = allocatedUnder(files, layout.layers, seen);
  const diskBytes = allocatedUnder(files, layout.disks, seen);
  const packTreeBytes = allocatedUnder(files, layout.packs, seen);
  const otherBytes = [layout.index, layout.records, layout.refs, layout.trash, `${layout.root}/locks`].reduce(
    (total, path) => total + allocatedUnder(files, path, seen),
    files.stat(anywhere, layout.root).allocatedBytes + files.stat(anywhere, layout.formatFile).allocatedBytes,
  );
  let packBytes = 0;
  let deadBytes = 0;
  for (const state of packStates(repository, liveObjects(repository))) {
    packBytes += state.allocatedBytes;
    deadBytes += Math.floor((state.allocatedBytes * state.deadPlainBytes) / Math.max(1, state.plainBytes));
  }
  const snapshots = repository.allSnapshots();
  return {
    onDiskBytes: layerBytes + diskBytes + packTreeBytes + otherBytes,
    chunkBytes: packBytes - deadBytes,
    deadBytes,
    layerBytes,
    diskBytes,
    // The pack directory itself, and files in it that are no packs.
    overheadBytes: otherBytes + packTreeBytes - packBytes,
    logicalBytes: snapshots.reduce((total, snapshot) => total + snapshot.logicalBytes, 0),
    snapshots: snapshots.length,
  };
}
