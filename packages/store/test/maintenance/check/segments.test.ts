import assert from "node:assert/strict";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { hash } from "../../../src/chunk/hash.js";
import type { PackId } from "../../../src/ids.js";
import type { IndexedPack, SegmentRow } from "../../../src/pack/segment.js";
import { filesIn, finds, forgeSegment, makeSmallStore } from "../forged.js";

const wrong = (change: (row: SegmentRow) => void) => {
  return ({ root }: { root: string }) => forgeSegment(root, (packs, rows) => change(dataRow(packs, rows)));
};

/** Content is not read in a check, so what is wrong about its place touches no snapshot. */
function dataRow(packs: IndexedPack[], rows: SegmentRow[]): SegmentRow {
  return rows.find(({ pack }) => packs[pack]?.kind === "data") as SegmentRow;
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
      wrong((row) => (row.frame += 1)),
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
          packs[0] = { ...(packs[0] as (typeof packs)[0]), chunkCount: 77 };
        }),
      { code: "index_wrong", message: /another kind, count or length/ },
    ],
    "a pack that is not there": [
      ({ root }) =>
        forgeSegment(root, (packs) =>
          packs.push({ id: "ab".repeat(32) as PackId, kind: "data", chunkCount: 0, fileBytes: 0 }),
        ),
      { code: "pack_missing", object: `packs/${"ab".repeat(32)}.pack`, message: /named by index/ },
    ],
    "ids out of order": [
      ({ root }) =>
        forgeSegment(
          root,
          () => undefined,
          (bytes) => {
            const at = 24 + 48 * bytes.readUInt32LE(12);
            const [one, other] = [at, at + 32].map((from) => Buffer.from(bytes.subarray(from, from + 32)));
            (one as Buffer).copy(bytes, at + 32);
            (other as Buffer).copy(bytes, at);
          },
        ),
      { code: "index_damaged", message: /not in order/, snapshots: null },
    ],
    "a row of no pack": [
      ({ root }) =>
        forgeSegment(root, (_packs, rows) => {
          rows[0] = { ...(rows[0] as SegmentRow), pack: 9 };
        }),
      { code: "index_damaged", snapshots: null, message: /names no pack/ },
    ],
  });

  test("nothing where there is no index: it may be left out", (t) => {
    const made = makeSmallStore(t);
    for (const path of filesIn(`${made.root}/index`)) rmSync(path);
    assert.deepEqual(made.again().fsck({}, { readData: true }).findings, []);
  });
});
