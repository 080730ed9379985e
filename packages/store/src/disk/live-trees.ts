/** The trees of layers that some snapshot has, in any scope: only such a tree's objects are sure to stay. */
import type { SnapshotInfo } from "../api.js";
import { StoreError } from "../errors.js";
import type { LayerId, TreeId } from "../ids.js";
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
    const shown = stack.map((layer) => layers.tree(layer)).filter((tree) => tree !== null);
    const found = topmostLive(repository, shown, scope);
    if (found !== null) trees.add(found);
    trees.forEach(pin);
    return trees;
  };
}

/** Records are read only until one has the first tree, and those of the disk's own scope before all others. */
function topmostLive(repository: Repository, shown: readonly TreeId[], scope: string): TreeId | null {
  const [first] = shown;
  if (first === undefined) return null;
  const others = repository.refs.scopes().filter((other) => other !== scope);
  const met = new Set<TreeId>();
  for (const tree of snapshotTrees(repository, [scope, ...others])) {
    if (tree === first) return first;
    met.add(tree);
  }
  return shown.find((tree) => met.has(tree)) ?? null;
}

/** A snapshot that cannot be read has no tree to rely on. */
function* snapshotTrees(repository: Repository, scopes: readonly RefScope[]): Generator<TreeId> {
  const { refs } = repository;
  for (const scope of scopes) {
    for (const file of refs.files(scope)) {
      try {
        const id = refs.readFile(scope, file);
        if (id !== null) yield repository.readRecord(id).tree;
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== "corrupt") throw error;
      }
    }
  }
}
