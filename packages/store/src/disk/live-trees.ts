/** The trees that snapshots have, in any scope: only their objects are sure to stay. */
import type { SnapshotInfo } from "../api.js";
import { StoreError } from "../errors.js";
import type { TreeId } from "../ids.js";
import type { Repository } from "../snapshot/repository.js";

/** For a lease: pins all of them, and makes sure that the snapshot is still there. */
export function pinLiveTrees(
  repository: Repository,
  snapshot: SnapshotInfo | null,
): (pin: (tree: TreeId) => void) => Set<TreeId> {
  return (pin) => {
    if (snapshot !== null) pin(repository.getSnapshot(snapshot.diskId, snapshot.name).tree);
    const trees = liveTrees(repository);
    trees.forEach(pin);
    return trees;
  };
}

/** A snapshot that cannot be read has no tree to rely on. */
function liveTrees(repository: Repository): Set<TreeId> {
  const trees = new Set<TreeId>();
  const { refs } = repository;
  const tolerate = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "corrupt") throw error;
    }
  };
  for (const scope of refs.scopes()) {
    tolerate(() => {
      for (const id of refs.list(scope)) tolerate(() => trees.add(repository.readRecord(id).tree));
    });
  }
  return trees;
}
