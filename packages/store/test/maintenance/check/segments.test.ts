import assert from "node:assert/strict";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { hash } from "../../../src/chunk/hash.js";
import type { PackId } from "../../../src/ids.js";
import type { IndexedPack } from "../../../src/pack/segment-format.js";
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
