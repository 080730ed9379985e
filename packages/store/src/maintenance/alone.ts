/** What packs would hold for a snapshot if it were the only one: collected with what the others need counted as dead. */
import type { Digest } from "../chunk/hash.js";
import type { PackId, TreeId } from "../ids.js";
import type { Repository } from "../snapshot/repository.js";
import { count, plannedBytes, uncounted, type CountedPack } from "./counted-pack.js";
import type { FramedPacks } from "./framed-packs.js";
import { References } from "./references.js";

/** Asked for one tree after the other, it touches only what separates the two. */
export class Alone {
  readonly #repository: Repository;
  readonly #packs = new Map<PackId, CountedPack>();
  readonly #references = new References();
  #of: FramedPacks;
  /** The one that was asked for last. */
  tree: TreeId | null = null;

  constructor(repository: Repository, packs: FramedPacks) {
    this.#repository = repository;
    this.#of = packs;
  }

  /** Allocated bytes of packs after a collection, as exact as `freedBytesOf`. `packs`: those that are there now. */
  packBytes(tree: TreeId, packs: FramedPacks, onStep: () => void): number {
    this.#of = packs;
    this.#references.advance(this.#repository.chunks, new Set([tree]), onStep, (id, isNeeded) =>
      this.#count(id, isNeeded ? 1 : -1),
    );
    this.tree = tree;
    const needed = [...this.#packs.values()].filter(({ state }) => state.neededObjects > 0);
    return needed.reduce((sum, { of }) => sum + of.allocatedBytes, 0) - plannedBytes(needed);
  }

  #count(id: Digest, sign: 1 | -1): void {
    const location = this.#repository.chunks.index.find(id);
    const counted = location === null ? null : this.#pack(location.pack);
    if (location !== null && counted !== null) count(counted, location, sign);
  }

  /** Null for one that is being written. */
  #pack(id: PackId): CountedPack | null {
    const known = this.#packs.get(id);
    if (known !== undefined) return known;
    const framed = this.#of.of(id);
    if (framed === null) return null;
    const counted = uncounted(framed);
    this.#packs.set(id, counted);
    return counted;
  }
}
