/** What the end of one tree would free of packs: what the plan of a collection frees more without the tree than with it. */
import type { PackId, TreeId } from "../ids.js";
import type { Location } from "../pack/segment.js";
import type { Repository } from "../snapshot/repository.js";
import { count, plannedBytes, uncounted, type CountedPack } from "./counted-pack.js";
import type { FramedPacks } from "./framed-packs.js";
import type { References } from "./references.js";
import type { FreedBytes } from "./snapshot-figures.js";

/** For many trees in turn, while the references stay as they are. */
export class FreedAlone {
  readonly #repository: Repository;
  readonly #references: References;
  readonly #packs: FramedPacks;
  readonly #needed = new Map<PackId, CountedPack>();

  constructor(repository: Repository, references: References, packs: FramedPacks) {
    this.#repository = repository;
    this.#references = references;
    this.#packs = packs;
  }

  of(tree: TreeId, onStep: () => void): FreedBytes {
    const { chunks } = this.#repository;
    const lost = new Map<PackId, Location[]>();
    for (const id of this.#references.without(chunks, [tree], onStep).freed) {
      const location = chunks.index.find(id);
      if (location === null) continue;
      const ofPack = lost.get(location.pack);
      if (ofPack === undefined) lost.set(location.pack, [location]);
      else ofPack.push(location);
    }
    const concerned = [...lost.keys()]
      .flatMap((id) => this.#pack(id) ?? [])
      .sort((a, b) => a.of.order - b.of.order);
    const without = concerned.map((pack) => less(pack, lost.get(pack.of.pack.id) ?? []));
    return { bytes: plannedBytes(without) - plannedBytes(concerned), packs: [...lost.keys()] };
  }

  #pack(id: PackId): CountedPack | null {
    const known = this.#needed.get(id);
    if (known !== undefined) return known;
    const of = this.#packs.of(id);
    if (of === null) return null;
    const { index } = this.#repository.chunks;
    const needed = uncounted(of);
    for (const [frame, { chunks }] of of.frames.entries()) {
      for (const { id: object, length } of chunks) {
        // Needed, and from this pack?
        if (!this.#references.needs(object) || index.find(object)?.pack !== id) continue;
        count(needed, { frame, length }, 1);
      }
    }
    this.#needed.set(id, needed);
    return needed;
  }
}

function less({ of, state, frames }: CountedPack, lost: Location[]): CountedPack {
  const left = { of, state: { ...state }, frames: frames.map((frame) => ({ ...frame })) };
  for (const location of lost) count(left, location, -1);
  return left;
}
