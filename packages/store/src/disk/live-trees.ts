/** The trees that snapshots have, in any scope: only their objects are sure to stay. */
import { StoreError } from "../errors.js";
import type { TreeId } from "../ids.js";
import type { Repository } from "../snapshot/repository.js";

/** To be asked while objects are locked. A snapshot that cannot be read has no tree to rely on. */
export function liveTrees(repository: Repository): Set<TreeId> {
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
