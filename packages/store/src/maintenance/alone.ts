/** What packs would hold for a snapshot if it were the only one: collected with what the others need counted as dead. */
import type { Digest } from "../chunk/hash.js";
import type { PackId, TreeId } from "../ids.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import { allocatedBytesOf, unneededFrames, type FrameState, type PackState } from "./packs.js";
import { freedBytesOf, planCollection } from "./plan.js";
import { References } from "./references.js";

interface KnownPack {
  state: PackState;
  frames: FrameState[];
  allocatedBytes: number;
}

/** Asked for one tree after the other, it touches only what separates the two. */
export class Alone {
  readonly #repository: Repository;
  readonly #work: Work;
  readonly #states: Map<PackId, PackState>;
  readonly #packs = new Map<PackId, KnownPack>();
  readonly #references = new References();

  /** `states`: of all packs, whatever is needed of them. */
  constructor(repository: Repository, states: PackState[], work: Work) {
    this.#repository = repository;
    this.#work = work;
    this.#states = new Map(states.map((state) => [state.pack.id, state]));
  }

  /** Allocated bytes of packs after a collection, as exact as `freedBytesOf`. */
  packBytes(tree: TreeId): number {
    this.#references.advance(
      this.#repository.chunks,
      new Set([tree]),
      () => this.#work.step(),
      (id, isNeeded) => this.#count(id, isNeeded ? 1 : -1),
    );
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
    const pack = location === null ? null : this.#pack(location.pack);
    if (location === null || pack === null) return;
    pack.state.neededObjects += sign;
    pack.state.neededPlainBytes += sign * location.length;
    (pack.frames[location.frame] as FrameState).neededPlainBytes += sign * location.length;
  }

  /** Null for one that is being written. */
  #pack(id: PackId): KnownPack | null {
    const known = this.#packs.get(id);
    if (known !== undefined) return known;
    const state = this.#states.get(id);
    if (state === undefined) return null;
    const pack = {
      state: { ...state, neededObjects: 0, neededPlainBytes: 0 },
      frames: unneededFrames(this.#repository, id),
      allocatedBytes: allocatedBytesOf(this.#repository, id),
    };
    this.#packs.set(id, pack);
    return pack;
  }
}
