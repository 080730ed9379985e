/** What packs would hold for a snapshot if it were the only one: collected with what the others need counted as dead. */
import type { Digest } from "../chunk/hash.js";
import type { PackId, TreeId } from "../ids.js";
import type { Repository } from "../snapshot/repository.js";
import type { FramedPacks } from "./framed-packs.js";
import type { FrameState, PackState } from "./packs.js";
import { freedBytesOf, planCollection } from "./plan.js";
import { References } from "./references.js";

interface CountedPack {
  state: PackState;
  frames: FrameState[];
  allocatedBytes: number;
}

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
    const options = { thin: false };
    const framesOf = ({ pack }: PackState): FrameState[] => this.#packs.get(pack.id)?.frames ?? [];
    const plan = planCollection(
      needed.map(({ state }) => state),
      framesOf,
      options,
    );
    const total = needed.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
    const allocated = ({ pack }: PackState): number => this.#packs.get(pack.id)?.allocatedBytes ?? 0;
    return total - freedBytesOf(plan, allocated, options);
  }

  #count(id: Digest, sign: 1 | -1): void {
    const location = this.#repository.chunks.index.find(id);
    const counted = location === null ? null : this.#pack(location.pack);
    if (location === null || counted === null) return;
    counted.state.neededObjects += sign;
    counted.state.neededPlainBytes += sign * location.length;
    (counted.frames[location.frame] as FrameState).neededPlainBytes += sign * location.length;
  }

  /** Null for one that is being written. */
  #pack(id: PackId): CountedPack | null {
    const known = this.#packs.get(id);
    if (known !== undefined) return known;
    const framed = this.#of.of(id);
    if (framed === null) return null;
    const { pack, plainBytes, frames, allocatedBytes } = framed;
    const counted = {
      state: { pack, plainBytes, neededObjects: 0, neededPlainBytes: 0 },
      frames: frames.map((frame) => ({ ...frame })),
      allocatedBytes,
    };
    this.#packs.set(id, counted);
    return counted;
  }
}
