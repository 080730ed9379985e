/** The trees of layers that some snapshot has, in any scope: only such a tree's objects are sure to stay. */
import type { SnapshotInfo } from "../api.js";
import { StoreError } from "../errors.js";
import type { LayerId, SnapshotId, TreeId } from "../ids.js";
import type { Repository } from "../snapshot/repository.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import type { Layers } from "./layers.js";

/**
 * For a lease: pins the tree of the topmost layer of a stack that some snapshot has, and makes sure that `wanted` is still
 * there. Returns the pinned trees.
 */
export function pinLiveTrees(
  repository: Repository,
  layers: Layers,
  stack: readonly LayerId[],
  scope: string,
  wanted: SnapshotInfo | null,
): (pin: (tree: TreeId) => void) => Set<TreeId> {
  return (pin) => {
    const trees = new Set<TreeId>();
    if (wanted !== null) trees.add(repository.getSnapshot(wanted.diskId, wanted.name).tree);
    const found = topmostLive(repository, layers, stack, scope);
    if (found !== null) trees.add(found);
    trees.forEach(pin);
    return trees;
  };
}

/** Records are read only until one has the first tree: the newest of the disk's own scope, then all of that scope, then all others. */
function topmostLive(
  repository: Repository,
  layers: Layers,
  stack: readonly LayerId[],
  scope: string,
): TreeId | null {
  const met = new Set<TreeId>();
  const snapshots = snapshotTrees(repository, scope);
  for (const layer of stack) {
    const shown = layers.tree(layer);
    if (shown === null) continue;
    if (met.has(shown)) return shown;
    // All are met in search of the first.
    for (const tree of snapshots) {
      if (tree === shown) return shown;
      met.add(tree);
    }
  }
  return null;
}

function* snapshotTrees(repository: Repository, own: RefScope): Generator<TreeId> {
  const { refs } = repository;
  const newest = readable(() => treeOf(repository, repository.newestSnapshot(own)));
  if (newest !== null) yield newest;
  const others = refs.scopes().filter((scope) => scope !== own);
  for (const scope of [own, ...others]) {
    for (const file of refs.files(scope)) {
      const tree = readable(() => treeOf(repository, refs.readFile(scope, file)));
      if (tree !== null) yield tree;
    }
  }
}

function treeOf(repository: Repository, snapshot: SnapshotId | null): TreeId | null {
  return snapshot === null ? null : repository.readRecord(snapshot).tree;
}

/** A snapshot that cannot be read has no tree to rely on. */
function readable<Found>(read: () => Found): Found | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof StoreError && error.code === "corrupt") return null;
    throw error;
  }
}
