/** Packs that no index segment on disk names, as rows in memory. */
import type { PackId } from "../ids.js";
import type { Digest } from "../chunk/hash.js";
import { mergeInMemory } from "./segment-merge.js";
import { Segment, type Location } from "./segment.js";
import type { WrittenPack } from "./writer.js";

export class LoosePacks {
  #segments: Segment[] = [];

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  get rowCount(): number {
    return this.#segments.reduce((total, { chunkCount }) => total + chunkCount, 0);
  }

  has(id: Digest): boolean {
    for (const segment of this.#segments) if (segment.has(id)) return true;
    return false;
  }

  find(id: Digest): Location | null {
    for (const segment of this.#segments) {
      const location = segment.find(id);
      if (location !== null) return location;
    }
    return null;
  }

  ids(): Set<PackId> {
    return new Set(this.#segments.flatMap(({ packs }) => packs.map(({ id }) => id)));
  }

  add(pack: WrittenPack): void {
    let added = Segment.ofPack(pack);
    // Each is at least twice as long as the next, so there are few of them and a row is seldom merged.
    for (;;) {
      const last = this.#segments.at(-1);
      if (last === undefined || last.chunkCount > 2 * added.chunkCount) break;
      this.#segments.pop();
      added = mergeInMemory([last, added]);
    }
    this.#segments.push(added);
  }

  forget(packs: ReadonlySet<PackId>): void {
    if (packs.size === 0) return;
    const rest = mergeInMemory(this.#segments, packs);
    this.#segments = rest.packs.length > 0 ? [rest] : [];
  }

  clear(): void {
    this.#segments = [];
  }
}
