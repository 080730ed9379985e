/**
 * What packs would hold for each tree alone, kept in memory between two questions. A pack never changes, so it stays true
 * until a pack goes, or an object stands in two of them, of which the index may come to name the other.
 */
import type { PackId, TreeId } from "../ids.js";
import type { Repository } from "../snapshot/repository.js";

const ofRepositories = new WeakMap<Repository, KnownAlone>();

export class KnownAlone {
  #packs: ReadonlySet<PackId> = new Set();
  #bytes = new Map<TreeId, number>();

  static of(repository: Repository): KnownAlone {
    const known = ofRepositories.get(repository) ?? new KnownAlone();
    ofRepositories.set(repository, known);
    return known;
  }

  /**
   * Bytes of each tree, of all that are asked about. `packs`: those that are there and whole. `areExact`: no object stands in two of them.
   */
  ask(
    trees: Iterable<TreeId>,
    { packs, areExact }: { packs: ReadonlySet<PackId>; areExact: boolean },
    count: (tree: TreeId) => number,
  ): ReadonlyMap<TreeId, number> {
    if (!areExact || [...this.#packs].some((id) => !packs.has(id))) this.#bytes.clear();
    this.#packs = packs;
    for (const tree of trees) if (!this.#bytes.has(tree)) this.#bytes.set(tree, count(tree));
    return this.#bytes;
  }

  /** Of trees that are gone nobody will ask. */
  forgetOthers(trees: ReadonlyMap<TreeId, unknown>): void {
    for (const tree of this.#bytes.keys()) if (!trees.has(tree)) this.#bytes.delete(tree);
  }
}
