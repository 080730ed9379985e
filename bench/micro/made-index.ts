import { randomFillSync } from "node:crypto";
import { segmentRows, segments, type Digest, type PackId, type Segment } from "./store-internals.js";

/** As in a store of many small files: chunks of 7.5 KB, four times smaller in packs of 32 MiB, 17 to a frame. */
const chunksPerPack = 17_000;
const framesPerPack = 1_000;
const fillBytesMax = 65_536;

function fillRandom(words: Uint32Array): Uint32Array {
  const bytes = new Uint8Array(words.buffer);
  for (let at = 0; at < bytes.length; at += fillBytesMax)
    randomFillSync(bytes.subarray(at, at + fillBytesMax));
  return words;
}

/** A segment in memory whose ids are as random as real ones. `part` makes the packs differ from those of other parts. */
export function madeSegment(chunks: number, part: number): Segment {
  const { restWords, rowWords, frameWord } = segmentRows;
  const rows = fillRandom(new Uint32Array(chunks * rowWords));
  const view = new DataView(rows.buffer);
  let before = -1;
  let alike = 0;
  fillRandom(new Uint32Array(chunks))
    .sort()
    .forEach((prefix, row) => {
      // Rows are sorted, also where two prefixes happen to be the same.
      alike = prefix === before ? alike + 1 : 0;
      before = prefix;
      view.setUint32(4 * row, prefix);
      view.setUint32(4 * (chunks + row * restWords), alike);
    });
  const packs = Array.from({ length: Math.ceil(chunks / chunksPerPack) }, (_, n) => ({
    id: Buffer.from(`pack ${n} of part ${part}`.padEnd(32)).toString("hex") as PackId,
    kind: "data" as const,
    chunkCount: chunksPerPack,
    frameCount: framesPerPack,
    fileBytes: 2 ** 25,
  }));
  for (let row = 0; row < chunks; row++) {
    const frame = chunks + row * restWords + frameWord;
    rows[frame] = (rows[frame] as number) % (packs.length * framesPerPack);
  }
  return segments.Segment.ofRows(packs, rows);
}

/** Ids in no order, one after another in memory, as those are that have just been computed. */
function gathered(count: number, write: (ids: Buffer, at: number, n: number) => void): Digest[] {
  const ids = Buffer.alloc(count * 32);
  for (let n = 0; n < count; n++) write(ids, n * 32, n);
  return Array.from({ length: count }, (_, n) => ids.subarray(n * 32, (n + 1) * 32));
}

/** Ids that are in these segments. */
export function presentIds(from: readonly Segment[], count: number): Digest[] {
  const total = from.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
  const chosen = Buffer.alloc(count * 32);
  const order = new Float64Array(count).map(Math.random);
  const places = Uint32Array.from(order.keys()).sort((a, b) => (order[a] as number) - (order[b] as number));
  let [seen, taken] = [0, 0];
  for (const segment of from) {
    for (const { id } of segment.entries()) {
      if (taken < count && seen * count >= taken * total) id.copy(chosen, 32 * (places[taken++] as number));
      seen += 1;
    }
  }
  return gathered(count, (ids, at, n) => void chosen.copy(ids, at, 32 * n, 32 * (n + 1)));
}

/** Ids that are in no segment. */
export function absentIds(count: number): Digest[] {
  return gathered(count, (ids, at) => void randomFillSync(ids, at, 32));
}
