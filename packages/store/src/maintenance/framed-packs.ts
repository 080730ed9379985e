/** The frames of packs, read when they are first asked for. A pack never changes, so they may be kept as long as there is room. */
import type { PackId } from "../ids.js";
import type { IndexedPack } from "../pack/segment-format.js";
import type { Repository } from "../snapshot/repository.js";
import { allocatedBytesOf, unneededFrames, type FrameState } from "./packs.js";

/** `frames` are those of a pack of which nothing is needed; not to be changed. */
export interface FramedPack {
  pack: IndexedPack;
  frames: readonly FrameState[];
  plainBytes: number;
  allocatedBytes: number;
  /** Its place among all packs of the index. */
  order: number;
}

export class FramedPacks {
  readonly #repository: Repository;
  readonly #packs: Map<PackId, { pack: IndexedPack; order: number }>;
  readonly #read = new Map<PackId, FramedPack>();

  /** `leased`: packs that are being written, which are passed over. */
  constructor(repository: Repository, leased: ReadonlySet<PackId>) {
    this.#repository = repository;
    const packs = repository.chunks.index.packs().filter(({ id }) => !leased.has(id));
    this.#packs = new Map(packs.map((pack, order) => [pack.id, { pack, order }]));
  }

  /** Null for one that is being written. */
  of(id: PackId): FramedPack | null {
    const known = this.#read.get(id);
    if (known !== undefined) return known;
    const found = this.#packs.get(id);
    if (found === undefined) return null;
    const frames = unneededFrames(this.#repository, id);
    const plainBytes = frames.reduce(
      (total, { chunks }) => total + chunks.reduce((sum, { length }) => sum + length, 0),
      0,
    );
    const read = { ...found, frames, plainBytes, allocatedBytes: allocatedBytesOf(this.#repository, id) };
    this.#read.set(id, read);
    return read;
  }
}
