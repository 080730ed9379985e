/** What a pack says of its objects, gone through in step with what an index segment says of them. */
import type { PackId } from "../../ids.js";
import {
  compareRests,
  frameWord,
  lengthWord,
  offsetWord,
  prefixAt,
  readId,
  restWords,
  rowWords,
} from "../../pack/segment-rows.js";
import type { Segment } from "../../pack/segment.js";

export class PackRows {
  readonly #pack: PackId;
  readonly #words: Uint32Array;
  readonly #count: number;
  readonly #segment: Segment;
  readonly #lies: (message: string) => void;
  #row = 0;
  #lacksAny = false;
  #namesOthers = false;

  /** `words`: one block of the pack's own rows. `lies` is told of what the segment says wrong. */
  constructor(pack: PackId, words: Uint32Array, segment: Segment, lies: (message: string) => void) {
    this.#pack = pack;
    this.#words = words;
    this.#count = words.length / rowWords;
    this.#segment = segment;
    this.#lies = lies;
  }

  /** The next row by which the segment leads to the pack. Its frames are counted from `firstFrame` on. */
  meet(words: Uint32Array, prefix: number, rest: number, firstFrame: number): void {
    const order = this.#passUpTo(words, prefix, rest);
    if (order !== 0) {
      if (!this.#namesOthers) this.#lies(`names chunks that pack ${this.#pack} does not hold`);
      this.#namesOthers = true;
      return;
    }
    const own = this.#words;
    const ownRest = this.#restOf(this.#row);
    if (
      (words[rest + frameWord] as number) - firstFrame !== own[ownRest + frameWord] ||
      words[rest + offsetWord] !== own[ownRest + offsetWord] ||
      words[rest + lengthWord] !== own[ownRest + lengthWord]
    ) {
      this.#lies(`has another place for chunk ${this.#idOf(this.#row)}`);
    }
    this.#row += 1;
  }

  /** After the last row of the segment. */
  end(): void {
    for (; this.#row < this.#count; this.#row++) this.#pass();
  }

  /** Passes what is before an id. Returns 0 when the present row has this id. */
  #passUpTo(words: Uint32Array, prefix: number, rest: number): number {
    const wanted = prefixAt(words, 0, prefix);
    for (; this.#row < this.#count; this.#row++) {
      const order =
        prefixAt(this.#words, 0, this.#row) - wanted ||
        compareRests(this.#words, this.#restOf(this.#row), words, rest);
      if (order >= 0) return order;
      this.#pass();
    }
    return 1;
  }

  /** An object to which the segment does not lead in this pack: it has one row for what stands in several. */
  #pass(): void {
    if (this.#lacksAny || this.#segment.has(readId(this.#words, this.#count, this.#row))) return;
    this.#lacksAny = true;
    this.#lies(`lacks chunk ${this.#idOf(this.#row)} of pack ${this.#pack}`);
  }

  #restOf(row: number): number {
    return this.#count + row * restWords;
  }

  #idOf(row: number): string {
    return readId(this.#words, this.#count, row).toString("hex");
  }
}
