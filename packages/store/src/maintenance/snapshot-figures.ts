/**
 * What the packs hold for each tree, kept between two questions: what would be left of them if the tree were the only one, and what
 * its end would free. The former changes when a pack goes that something needs; the latter when the tree gets or loses an object
 * of its own, or when something comes to be needed, or is needed no more, in a pack that has one.
 */
import type { PackId, TreeId } from "../ids.js";
import type { ObjectSource } from "../pack/chunks.js";
import type { Alone } from "./alone.js";
import { treesConcerned } from "./concerned.js";
import type { References } from "./references.js";

export interface FreedBytes {
  bytes: number;
  /** Those that hold anything that nothing else needs. */
  packs: readonly PackId[];
}

/** Null for what is not known. */
export interface KeptFigures {
  aloneBytes: number | null;
  freed: FreedBytes | null;
}

export class SnapshotFigures {
  readonly #alone = new Map<TreeId, number>();
  readonly #freed = new Map<TreeId, FreedBytes>();
  /** Stands at the tree that was counted last, so that the next one costs what separates the two. */
  walk: Alone | null = null;
  /** Figures that were found since they were kept. */
  unkept = 0;

  constructor(kept: Iterable<[TreeId, KeptFigures]> = []) {
    for (const [tree, { aloneBytes, freed }] of kept) {
      if (aloneBytes !== null) this.#alone.set(tree, aloneBytes);
      if (freed !== null) this.#freed.set(tree, freed);
    }
  }

  aloneBytes(tree: TreeId): number | null {
    return this.#alone.get(tree) ?? null;
  }

  freedBytes(tree: TreeId): number | null {
    return this.#freed.get(tree)?.bytes ?? null;
  }

  setAlone(tree: TreeId, bytes: number): void {
    this.#alone.set(tree, bytes);
    this.unkept += 1;
  }

  setFreed(tree: TreeId, freed: FreedBytes): void {
    this.#freed.set(tree, freed);
    this.unkept += 1;
  }

  /** To be called while `tree` is counted: after it came, or before it goes. `others`: see `treesConcerned`. */
  treeChanges(
    references: References,
    source: ObjectSource,
    change: { tree: TreeId; others: Iterable<TreeId> },
    onStep: () => void,
  ): void {
    if (this.#freed.size === 0) return;
    const concerned = treesConcerned(references, source, change, onStep);
    if (concerned === null) this.forgetFreed();
    else for (const tree of [change.tree, ...concerned]) this.#freed.delete(tree);
  }

  /** Other objects of these packs are needed than before, or they are gone; `areLost`: some that something needed. */
  packsChange({ packs, areLost }: { packs: ReadonlySet<PackId>; areLost: boolean }): void {
    if (areLost) this.#forgetAlone();
    if (packs.size === 0) return;
    for (const [tree, freed] of this.#freed)
      if (freed.packs.some((pack) => packs.has(pack))) this.#freed.delete(tree);
  }

  forgetFreed(): void {
    this.#freed.clear();
  }

  forget(): void {
    this.forgetFreed();
    this.#forgetAlone();
  }

  /** Of trees that are gone nobody will ask. */
  forgetOthers(trees: ReadonlySet<TreeId>): void {
    for (const known of [this.#alone, this.#freed])
      for (const tree of known.keys()) if (!trees.has(tree)) known.delete(tree);
    // It could not go on from a tree that is collected.
    if (this.walk?.tree != null && !trees.has(this.walk.tree)) this.walk = null;
  }

  /** Of the trees, in their order. */
  keep(trees: Iterable<TreeId>): KeptFigures[] {
    this.unkept = 0;
    return [...trees].map((tree) => ({
      aloneBytes: this.#alone.get(tree) ?? null,
      freed: this.#freed.get(tree) ?? null,
    }));
  }

  #forgetAlone(): void {
    this.#alone.clear();
    this.walk = null;
  }
}
