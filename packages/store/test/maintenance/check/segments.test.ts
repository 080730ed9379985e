import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import { hash } from "../../../src/chunk/hash.js";
import type { PackId } from "../../../src/ids.js";
import { layoutOf } from "../../../src/layout.js";
import { Findings } from "../../../src/maintenance/check/findings.js";
import { SegmentCheck } from "../../../src/maintenance/check/segments.js";
import type { IndexedPack } from "../../../src/pack/segment-format.js";
import { writeSegment } from "../../../src/pack/segment-file.js";
import { Segment } from "../../../src/pack/segment.js";
import type { WrittenPack } from "../../../src/pack/writer.js";
import { linuxFiles } from "../../../src/platform/linux.js";
import { makePack } from "../../pack/made-pack.js";
import { Random, seedOfRun } from "../../random.js";
import { temporaryDirectory } from "../../temporary.js";
import { filesIn, finds, forgeSegment, makeSmallStore, type ForgedRow } from "../forged.js";

const wrong = (change: (row: ForgedRow) => void) => {
  return ({ root }: { root: string }) => forgeSegment(root, (packs, rows) => change(dataRow(packs, rows)));
};

/** Content is not read in a check, so what is wrong about its place touches no snapshot. */
function dataRow(packs: IndexedPack[], rows: ForgedRow[]): ForgedRow {
  return rows.find(({ pack }) => packs[pack]?.kind === "data") as ForgedRow;
}

const inIndex = /^index\/[0-9a-f]{32}\.idx$/;

describe("of index segments, a check finds", () => {
  finds({
    "damage, although the packs are read instead": [
      ({ root }) => writeFileSync(filesIn(`${root}/index`)[0] as string, "CHSRINDX"),
      { code: "index_damaged", object: inIndex },
    ],
    "a name that is not that of the content": [
      ({ root }) => renameSync(filesIn(`${root}/index`)[0] as string, `${root}/index/${"0".repeat(32)}.idx`),
      { code: "index_damaged", message: /does not match its name/ },
    ],
    "another frame than the pack's": [
      wrong((row) => (row.frame = row.frame === 0 ? 1 : 0)),
      { code: "index_wrong", object: inIndex, message: /another place/ },
    ],
    "another offset than the pack's": [wrong((row) => (row.offset += 1)), { code: "index_wrong" }],
    "another length than the pack's": [wrong((row) => (row.length += 1)), { code: "index_wrong" }],
    "an object that the pack does not hold": [
      ({ root }) =>
        forgeSegment(root, (_packs, rows) =>
          rows.push({ id: hash(Buffer.from("nothing")), pack: 0, frame: 0, offset: 0, length: 1 }),
        ),
      { code: "index_wrong", message: /does not hold/ },
    ],
    "that an object of a pack it names is left out": [
      ({ root }) => forgeSegment(root, (packs, rows) => rows.splice(rows.indexOf(dataRow(packs, rows)), 1)),
      { code: "index_wrong", message: /lacks chunk/ },
    ],
    "another number of objects, length or kind for a pack": [
      ({ root }) =>
        forgeSegment(root, (packs) => {
          const data = packs.findIndex(({ kind }) => kind === "data");
          packs[data] = { ...(packs[data] as IndexedPack), chunkCount: 77 };
        }),
      { code: "index_wrong", message: /another kind, count or length/ },
    ],
    "a pack that is not there": [
      ({ root }) =>
        forgeSegment(root, (packs) =>
          packs.push({
            id: "ab".repeat(32) as PackId,
            kind: "data",
            chunkCount: 0,
            frameCount: 0,
            fileBytes: 0,
          }),
        ),
      { code: "pack_missing", object: `packs/${"ab".repeat(32)}.pack`, message: /named by index/ },
    ],
    "ids out of order": [
      ({ root }) =>
        forgeSegment(
          root,
          (_packs, rows) => {
            rows.reverse();
          },
          { sorted: false },
        ),
      { code: "index_damaged", message: /not in order/, snapshots: null },
    ],
    "ids in another block than that of their first bits, where no lookup finds them": [
      ({ root }) =>
        forgeSegment(
          root,
          (_packs, rows) => {
            assert.ok(rows.some(({ id }) => (id[0] as number) < 128));
          },
          { blockTold: "wrong" },
        ),
      { code: "index_damaged", message: /not in order/, snapshots: null },
    ],
    "a row of no pack": [
      ({ root }) =>
        forgeSegment(root, (_packs, rows) => {
          rows[0] = { ...(rows[0] as ForgedRow), pack: 9 };
        }),
      { code: "index_damaged", snapshots: null, message: /no pack has/ },
    ],
  });

  test("nothing where there is no index: it may be left out", (t) => {
    const made = makeSmallStore(t);
    for (const path of filesIn(`${made.root}/index`)) rmSync(path);
    assert.deepEqual(made.again().upkeep.fsck({}, { readData: true }).findings, []);
  });
});

describe("however few packs are compared at a time, a check", () => {
  /** Packs that share objects, in one segment that says `said` of them, and what is found. */
  const check = (
    t: TestContext,
    packs: WrittenPack[],
    said: WrittenPack[],
    rowsMax: number,
  ): { codes: string[]; wrong: boolean } => {
    const layout = layoutOf(temporaryDirectory(t));
    mkdirSync(layout.index);
    writeSegment(
      linuxFiles,
      layout.index,
      said.map((pack) => Segment.ofPack(pack)),
    );
    const findings = new Findings();
    const segments = new SegmentCheck({ files: linuxFiles, layout }, findings, rowsMax);
    for (const pack of packs) segments.compare(pack);
    segments.finish(new Set(packs.map(({ id }) => id)));
    segments.close();
    return {
      codes: findings.all.map(({ code, message }) => `${code}: ${message}`).sort(),
      wrong: segments.wrong,
    };
  };

  const packsOf = (t: TestContext, random: Random): WrittenPack[] => {
    const contents = Array.from({ length: 900 }, () => random.bytes(1 + random.below(2000)));
    // Neighbours have a third of their objects in common.
    return [0, 200, 400, 600].map(
      (first) => makePack(temporaryDirectory(t), contents.slice(first, first + 300)).pack,
    );
  };

  test("passes over objects that the segment names in another pack", (t) => {
    const random = new Random(seedOfRun());
    const packs = packsOf(t, random);
    for (const rowsMax of [1, 500, 10_000])
      assert.deepEqual(check(t, packs, packs, rowsMax), { codes: [], wrong: false }, `seed ${random.seed}`);
  });

  test("finds the same", (t) => {
    const random = new Random(seedOfRun());
    const packs = packsOf(t, random);
    const said = packs.map((pack): WrittenPack => ({ ...pack, chunks: [...pack.chunks] }));
    // One that no other pack has is left out of the last, one is moved in it, and one is in it that no pack has.
    const last = said.at(-1)?.chunks as WrittenPack["chunks"];
    const own = last.filter(
      ({ id }) => !packs.slice(0, -1).some(({ chunks }) => chunks.some((chunk) => chunk.id.equals(id))),
    );
    const [gone, moved] = [own[0], own[1]].map((chunk) => last.findIndex((other) => other === chunk)) as [
      number,
      number,
    ];
    const movedId = last[moved]?.id.toString("hex");
    last[moved] = { ...last[moved], offset: 77_777 } as WrittenPack["chunks"][0];
    last[gone] = { ...last[gone], id: hash(Buffer.from("nothing")) } as WrittenPack["chunks"][0];
    const { id } = packs.at(-1) as WrittenPack;
    const expected = [
      `index_wrong: has another place for chunk ${movedId}`,
      `index_wrong: lacks chunk ${own[0]?.id.toString("hex")} of pack ${id}`,
      `index_wrong: names chunks that pack ${id} does not hold`,
    ];
    for (const rowsMax of [1, 500, 10_000])
      assert.deepEqual(
        check(t, packs, said, rowsMax),
        { codes: expected, wrong: true },
        `seed ${random.seed}`,
      );
  });
});
