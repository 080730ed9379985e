/**
 * Checks index segments against the packs: a segment may lack packs, but what it says of one must be what the pack says.
 * Both have their rows in the order of ids, so a segment is read from its beginning to its end, block by block, beside the
 * tables of some packs, and once more for the next ones: memory is bounded by what is compared at a time.
 */
import type { PackId } from "../../ids.js";
import { comparedRowsMax } from "../../limits.js";
import type { IndexedPack } from "../../pack/segment-format.js";
import { compareRests, prefixAt, restWords } from "../../pack/segment-rows.js";
import { Segment } from "../../pack/segment.js";
import type { WrittenPack } from "../../pack/writer.js";
import { namesIn } from "../../platform/durable.js";
import { StoreError } from "../../errors.js";
import type { Repository } from "../../snapshot/repository.js";
import type { Findings } from "./findings.js";
import { PackRows } from "./pack-rows.js";

interface CheckedSegment {
  object: string;
  segment: Segment;
}

export class SegmentCheck {
  /** Something is wrong that a new index, made from the packs, would set right. */
  wrong = false;
  readonly #findings: Findings;
  #segments: CheckedSegment[] = [];
  /** What packs say of themselves that are yet to be compared. */
  readonly #waiting = new Map<PackId, Segment>();
  #waitingRows = 0;
  readonly #rowsMax: number;

  /** Reads all segments. The packs are to be listed after that, because a pack is there before a segment names it. */
  constructor(
    { files, layout }: Pick<Repository, "files" | "layout">,
    findings: Findings,
    rowsMax = comparedRowsMax,
  ) {
    this.#findings = findings;
    this.#rowsMax = rowsMax;
    for (const name of namesIn(files, layout.index)) {
      const object = `index/${name}`;
      this.#guard(object, () => {
        const segment = Segment.open(files, `${layout.index}/${name}`);
        // Merged into another meanwhile.
        if (segment === null) return;
        this.#segments.push({ object, segment });
        if (name !== segment.name) throw new StoreError("corrupt", "index segment does not match its name");
        requireOrder(segment);
      });
    }
  }

  /** To be told of every pack whose contents can be read. */
  compare(pack: WrittenPack): void {
    const own = Segment.ofPack(pack);
    this.#waiting.set(pack.id, own);
    this.#waitingRows += own.chunkCount;
    if (this.#waitingRows >= this.#rowsMax) this.#compareWaiting();
  }

  /** `packs`: all that are there. */
  finish(packs: ReadonlySet<PackId>): void {
    this.#compareWaiting();
    for (const { object, segment } of this.#segments) {
      for (const { id } of segment.packs) {
        if (packs.has(id)) continue;
        this.wrong = true;
        this.#findings.add("pack_missing", `packs/${id}.pack`, `named by ${object}`);
      }
    }
  }

  /** Idempotent. */
  close(): void {
    for (const { segment } of this.#segments) segment.close();
    this.#segments = [];
  }

  #compareWaiting(): void {
    for (const { object, segment } of [...this.#segments]) {
      this.#guard(object, () => this.#compareWith(segment, (message) => this.#lies(object, message)));
    }
    this.#waiting.clear();
    this.#waitingRows = 0;
  }

  #compareWith(segment: Segment, lies: (message: string) => void): void {
    const compared = new Map<PackId, PackRows>();
    let frames = 0;
    const places = segment.packs.map((stated) => {
      const firstFrame = frames;
      frames += stated.frameCount;
      const own = this.#waiting.get(stated.id);
      const pack = own?.packs[0];
      if (own === undefined || pack === undefined) return null;
      if (!isSame(stated, pack)) lies(`has another kind, count or length for pack ${pack.id}`);
      const rows = compared.get(pack.id) ?? new PackRows(pack.id, own.block(0), segment, lies);
      compared.set(pack.id, rows);
      return { rows, firstFrame };
    });
    if (compared.size === 0) return;
    segment.scan((words, prefix, rest, number) => {
      const place = places[number];
      if (place !== null && place !== undefined) place.rows.meet(words, prefix, rest, place.firstFrame);
    });
    for (const rows of compared.values()) rows.end();
  }

  /** What is damaged is not compared any more. */
  #guard(object: string, run: () => void): void {
    if (this.#findings.guard("index_damaged", object, run)) return;
    this.wrong = true;
    for (const damaged of this.#segments.filter((checked) => checked.object === object))
      damaged.segment.close();
    this.#segments = this.#segments.filter((checked) => checked.object !== object);
  }

  #lies(object: string, message: string): void {
    this.wrong = true;
    this.#findings.add("index_wrong", object, message);
  }
}

function isSame(a: IndexedPack, b: IndexedPack): boolean {
  return (
    a.kind === b.kind &&
    a.chunkCount === b.chunkCount &&
    a.frameCount === b.frameCount &&
    a.fileBytes === b.fileBytes
  );
}

/** Also finds rows that name no pack. */
function requireOrder(segment: Segment): void {
  const { bits } = segment;
  segment.scan((words, row, rest, _pack, block) => {
    const prefix = prefixAt(words, 0, row);
    const isInBlock = bits === 0 || prefix >>> (32 - bits) === block;
    const isAfter =
      row === 0 ||
      (prefixAt(words, 0, row - 1) - prefix || compareRests(words, rest - restWords, words, rest)) < 0;
    if (!isInBlock || !isAfter) {
      throw new StoreError("corrupt", "ids of the index segment are not in order");
    }
  });
}
