/** What the end of one tree would free of packs: what the plan of a collection frees more without the tree than with it. */
import type { PackId, TreeId } from "../ids.js";
import type { Location } from "../pack/segment.js";
import type { Repository } from "../snapshot/repository.js";
import type { FramedPack, FramedPacks } from "./framed-packs.js";
import type { FrameState, PackState } from "./packs.js";
import { freedBytesOf, planCollection } from "./plan.js";
import type { References } from "./references.js";
import type { FreedBytes } from "./snapshot-figures.js";

interface NeededPack {
  state: PackState;
  frames: FrameState[];
  of: FramedPack;
}

/** For many trees in turn, while the references stay as they are. */
export class FreedAlone {
  readonly #repository: Repository;
  readonly #references: References;
  readonly #packs: FramedPacks;
  readonly #needed = new Map<PackId, NeededPack>();

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

  #pack(id: PackId): NeededPack | null {
    const known = this.#needed.get(id);
    if (known !== undefined) return known;
    const of = this.#packs.of(id);
    if (of === null) return null;
    const { index } = this.#repository.chunks;
    const state = { pack: of.pack, plainBytes: of.plainBytes, neededObjects: 0, neededPlainBytes: 0 };
    const frames = of.frames.map((frame) => ({ ...frame }));
    for (const frame of frames) {
      for (const chunk of frame.chunks) {
        // Needed, and from this pack?
        if (!this.#references.needs(chunk.id) || index.find(chunk.id)?.pack !== id) continue;
        state.neededObjects += 1;
        state.neededPlainBytes += chunk.length;
        frame.neededPlainBytes += chunk.length;
      }
    }
    const needed = { state, frames, of };
    this.#needed.set(id, needed);
    return needed;
  }
}

function less({ state, frames, of }: NeededPack, lost: Location[]): NeededPack {
  const left = frames.map((frame) => ({ ...frame }));
  for (const { frame, length } of lost) (left[frame] as FrameState).neededPlainBytes -= length;
  const plainBytes = lost.reduce((total, { length }) => total + length, 0);
  return {
    state: {
      ...state,
      neededObjects: state.neededObjects - lost.length,
      neededPlainBytes: state.neededPlainBytes - plainBytes,
    },
    frames: left,
    of,
  };
}

function plannedBytes(packs: NeededPack[]): number {
  const options = { thin: false };
  const byId = new Map(packs.map((pack) => [pack.of.pack.id, pack]));
  const framesOf = ({ pack }: PackState): FrameState[] => byId.get(pack.id)?.frames ?? [];
  const plan = planCollection(
    packs.map(({ state }) => state),
    framesOf,
    options,
  );
  return freedBytesOf(plan, ({ pack }) => byId.get(pack.id)?.of.allocatedBytes ?? 0, options);
}
