/** Checks index segments against the packs: a segment may lack packs, but what it says of one must be what the pack says. */
import type { PackId } from "../../ids.js";
import { decodeSegmentHeader, segmentName } from "../../pack/segment-format.js";
import { Segment } from "../../pack/segment.js";
import type { WrittenPack } from "../../pack/writer.js";
import { namesIn, readWhole } from "../../platform/durable.js";
import { StoreError } from "../../errors.js";
import type { Repository } from "../../snapshot/repository.js";
import type { Findings } from "./findings.js";

interface CheckedSegment {
  object: string;
  segment: Segment;
  /** Rows that are yet to be found in the contents of their pack. */
  rows: Map<PackId, number>;
}

export class SegmentCheck {
  /** Something is wrong that a new index, made from the packs, would set right. */
  wrong = false;
  readonly #findings: Findings;
  readonly #segments: CheckedSegment[] = [];

  /** Reads all segments. The packs are to be listed after that, because a pack is there before a segment names it. */
  constructor({ files, layout }: Repository, findings: Findings) {
    this.#findings = findings;
    for (const name of namesIn(files, layout.index)) {
      const object = `index/${name}`;
      const sound = findings.guard("index_damaged", object, () => {
        const bytes = readWhole(files, `${layout.index}/${name}`);
        // Merged into another meanwhile.
        if (bytes === null) return;
        const segment = Segment.decode(bytes);
        const { headBytes } = decodeSegmentHeader(bytes, bytes.length);
        if (name !== segmentName(bytes.subarray(0, headBytes))) {
          throw new StoreError("corrupt", "index segment does not match its name");
        }
        this.#segments.push({ object, segment, rows: countRows(segment) });
      });
      if (!sound) this.wrong = true;
    }
  }

  /** To be told of every pack whose contents can be read. */
  compare(pack: WrittenPack): void {
    for (const checked of this.#segments) {
      const { segment, rows, object } = checked;
      const stated = segment.packs.find(({ id }) => id === pack.id);
      if (stated === undefined) continue;
      if (
        stated.kind !== pack.kind ||
        stated.chunkCount !== pack.chunks.length ||
        stated.frameCount !== pack.frames.length ||
        stated.fileBytes !== pack.fileBytes
      ) {
        this.#lies(object, `has another kind, count or length for pack ${pack.id}`);
      }
      let found = 0;
      for (const chunk of pack.chunks) {
        const location = segment.find(chunk.id);
        if (location === null) {
          this.#lies(object, `lacks chunk ${chunk.id.toString("hex")} of pack ${pack.id}`);
          break;
        }
        // A chunk that stands in two packs has one row.
        if (location.pack !== pack.id) continue;
        found += 1;
        if (
          location.frame !== chunk.frame ||
          location.offset !== chunk.offset ||
          location.length !== chunk.length
        ) {
          this.#lies(object, `has another place for chunk ${chunk.id.toString("hex")}`);
        }
      }
      if (found < (rows.get(pack.id) ?? 0)) {
        this.#lies(object, `names chunks that pack ${pack.id} does not hold`);
      }
    }
  }

  /** `packs`: all that are there. */
  finish(packs: ReadonlySet<PackId>): void {
    for (const { object, segment } of this.#segments) {
      for (const { id } of segment.packs) {
        if (packs.has(id)) continue;
        this.wrong = true;
        this.#findings.add("pack_missing", `packs/${id}.pack`, `named by ${object}`);
      }
    }
  }

  #lies(object: string, message: string): void {
    this.wrong = true;
    this.#findings.add("index_wrong", object, message);
  }
}

/** Also finds rows that are out of order, or name no pack. */
function countRows(segment: Segment): Map<PackId, number> {
  const rows = new Map<PackId, number>();
  let before: Buffer | null = null;
  for (const { id, location } of segment.entries()) {
    if (before !== null && before.compare(id) >= 0) {
      throw new StoreError("corrupt", "ids of the index segment are not in order");
    }
    before = id;
    rows.set(location.pack, (rows.get(location.pack) ?? 0) + 1);
  }
  return rows;
}
