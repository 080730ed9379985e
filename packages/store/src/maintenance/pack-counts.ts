/**
 * How much of each pack is needed, kept up to date by what comes to be needed and what is needed no more, so that nobody passes
 * through the index to know it. What stands in two packs counts where the index names it, which may become another place; while
 * there is such a thing nothing is kept, and all of it is counted anew from the index each time.
 */
import type { Digest } from "../chunk/hash.js";
import type { PackId, TreeId } from "../ids.js";
import type { Repository } from "../snapshot/repository.js";
import { packStates, readContents } from "./packs.js";
import type { References } from "./references.js";

export interface PackCount {
  /** Plain bytes of the objects in it, and of those that something needs. */
  plainBytes: number;
  neededPlainBytes: number;
}

/** With more new packs than this, and more than a quarter of all, one pass through the index is sooner done. */
const newPacksMax = 64;

export class PackCounts {
  readonly #repository: Repository;
  readonly #packs: Map<PackId, PackCount>;
  #changed = new Set<PackId>();
  #areLost = false;

  constructor(repository: Repository, packs: Iterable<[PackId, PackCount]>) {
    this.#repository = repository;
    this.#packs = new Map(packs);
  }

  /** By one pass through the index. Not exact for long when some object stands in two packs. */
  static ofAll(repository: Repository, references: References): { counts: PackCounts; areExact: boolean } {
    const { index } = repository.chunks;
    const claims = references.claims();
    const states = packStates(repository, references, new Set(), claims);
    const counts = states.map(({ pack, plainBytes, neededPlainBytes }): [PackId, PackCount] => [
      pack.id,
      { plainBytes, neededPlainBytes },
    ]);
    return {
      counts: new PackCounts(repository, counts),
      areExact: !claims.metAgain && !index.hasSharedObjects(),
    };
  }

  get packs(): ReadonlyMap<PackId, PackCount> {
    return this.#packs;
  }

  /** For when no tree came or went: false when packs came, whose objects are still to be counted. */
  forgetGone(): boolean {
    const { index } = this.#repository.chunks;
    const present = index.presentPacks();
    for (const id of this.#packs.keys()) if (!present.has(id)) this.#drop(id);
    return present.size === this.#packs.size && !index.hasSharedObjects();
  }

  /** Of which packs something else is needed than when this was last asked, or which are gone; and whether such a one was needed. */
  takeChanges(): { packs: ReadonlySet<PackId>; areLost: boolean } {
    const taken = { packs: this.#changed, areLost: this.#areLost };
    this.#changed = new Set();
    this.#areLost = false;
    return taken;
  }

  /** Follows the references to other trees. */
  follow(references: References, wanted: ReadonlySet<TreeId>, onStep: () => void): void {
    const change = (id: Digest, isNeeded: boolean): void => this.#change(id, isNeeded ? 1 : -1);
    references.advance(this.#repository.chunks, wanted, onStep, change);
  }

  /**
   * Follows the index to other packs, and returns how many of these came and went. Null when that cannot be done by what changed alone; then
   * these counts are of no use any more.
   */
  advance(references: References): number | null {
    const { chunks } = this.#repository;
    const present = chunks.index.presentPacks();
    const gone = [...this.#packs.keys()].filter((id) => !present.has(id));
    const added = [...present].filter((id) => !this.#packs.has(id));
    const isMuch = added.length > newPacksMax && added.length > present.size / 4;
    if (isMuch || chunks.index.hasSharedObjects()) return null;
    for (const id of gone) this.#drop(id);
    return added.every((id) => this.#add(id, references)) ? gone.length + added.length : null;
  }

  #change(id: Digest, sign: 1 | -1): void {
    const location = this.#repository.chunks.index.find(id);
    const count = location === null ? undefined : this.#packs.get(location.pack);
    if (location === null || count === undefined) return;
    count.neededPlainBytes += sign * location.length;
    this.#changed.add(location.pack);
  }

  #drop(id: PackId): void {
    this.#areLost ||= this.#packs.get(id)?.neededPlainBytes !== 0;
    this.#packs.delete(id);
    this.#changed.add(id);
  }

  /** False when it has an object that another pack has, too. */
  #add(id: PackId, references: References): boolean {
    const { index } = this.#repository.chunks;
    const count = { plainBytes: 0, neededPlainBytes: 0 };
    for (const object of readContents(this.#repository, id).chunks) {
      if (!index.isOnlyIn(object.id, id)) return false;
      count.plainBytes += object.length;
      if (references.needs(object.id)) count.neededPlainBytes += object.length;
    }
    this.#packs.set(id, count);
    return true;
  }
}
