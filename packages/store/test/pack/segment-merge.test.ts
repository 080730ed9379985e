import assert from "node:assert/strict";
import { test } from "node:test";
import type { PackId } from "../../src/ids.js";
import { digestKey } from "../../src/chunk/hash.js";
import { writeSegment } from "../../src/pack/segment-file.js";
import { mergeInMemory } from "../../src/pack/segment-merge.js";
import { Segment, type Location } from "../../src/pack/segment.js";
import type { WrittenPack } from "../../src/pack/writer.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { Random, seedOfRun } from "../random.js";
import { temporaryDirectory } from "../temporary.js";
import { segmentFile, toldPack } from "./made-segment.js";

/** What a merge of these groups of packs has to hold: each segment knows the first place of an id, and so on among them. */
function expectedRows(groups: WrittenPack[][], gone: ReadonlySet<PackId>): Map<string, Location> {
  const rows = new Map<string, Location>();
  for (const group of groups) {
    const known = new Set<string>();
    for (const pack of group) {
      for (const { id, frame, offset, length } of pack.chunks) {
        const key = digestKey(id);
        if (!known.has(key) && !gone.has(pack.id) && !rows.has(key)) {
          rows.set(key, { pack: pack.id, frame, offset, length });
        }
        known.add(key);
      }
    }
  }
  return rows;
}

const rowsOf = (segment: Segment): Map<string, Location> =>
  new Map([...segment.entries()].map(({ id, location }) => [digestKey(id), location]));

test("a merge holds what its segments held, once, without the packs that are dropped", (t) => {
  const directory = temporaryDirectory(t);
  const random = new Random(seedOfRun());
  for (let round = 0; round < 30; round++) {
    const ids = Array.from({ length: 3000 }, () => random.bytes(32));
    const packs = Array.from({ length: 1 + random.below(8) }, (_, n) =>
      toldPack(
        `${random.seed} ${round} ${n}`,
        [...new Set(Array.from({ length: random.below(1500) }, () => random.below(ids.length)))].map(
          (id) => ({
            id: ids[id] as Buffer,
            frame: random.below(40),
            offset: random.below(1000),
            length: random.below(1000),
          }),
        ),
        { frameCount: 40 },
      ),
    );
    // Two that merged at the same time name the same packs.
    const groups = Array.from({ length: 1 + random.below(4) }, () =>
      packs.filter(() => random.below(3) > 0),
    ).filter((group) => group.length > 0);
    const gone = new Set(packs.filter(() => random.below(4) === 0).map(({ id }) => id));
    const segments = groups.map((group) => {
      const segment = Segment.open(linuxFiles, segmentFile(directory, group)) as Segment;
      t.after(() => segment.close());
      return segment;
    });
    const expected = expectedRows(groups, gone);
    const kept = new Set(groups.flat().map(({ id }) => id));
    for (const id of gone) kept.delete(id);

    const inMemory = mergeInMemory(segments, gone);
    const message = `seed ${random.seed}, round ${round}`;
    assert.deepEqual(rowsOf(inMemory), expected, message);
    assert.deepEqual(new Set(inMemory.packs.map(({ id }) => id)), kept, message);

    const name = writeSegment(linuxFiles, directory, segments, gone);
    assert.equal(name === null, kept.size === 0, message);
    if (name === null) continue;
    const written = Segment.open(linuxFiles, `${directory}/${name}`) as Segment;
    assert.deepEqual(rowsOf(written), expected, message);
    assert.deepEqual(written.packs, inMemory.packs, message);
    written.close();
  }
});
