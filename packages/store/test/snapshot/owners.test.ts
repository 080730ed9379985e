import assert from "node:assert/strict";
import { test } from "node:test";
import { owners } from "../../src/snapshot/owners.js";
import { withCode } from "../errors.js";

const range = { host: 100_000, tree: 0, count: 65_536 };

test("owners are those of the first range that has them, and others stay as they are", () => {
  const translated = owners({ uids: [range], gids: [] });
  assert.deepEqual(translated.toTree({ uid: 100_010, gid: 100_010 }), { uid: 10, gid: 100_010 });
  assert.deepEqual(translated.toHost({ uid: 10, gid: 10 }), { uid: 100_010, gid: 10 });
  assert.deepEqual(translated.toTree({ uid: 165_536, gid: 0 }), { uid: 165_536, gid: 0 });
});

test("ranges that lead to ids which there are not are refused", () => {
  const last = 2 ** 32 - 2;
  owners({ uids: [{ host: last, tree: last, count: 1 }], gids: [] });
  for (const wrong of [
    { host: last, tree: 0, count: 2 },
    { host: 0, tree: last, count: 2 },
    { host: -1, tree: 0, count: 1 },
    { host: 0, tree: 0.5, count: 1 },
    { host: 0, tree: 0, count: 0 },
    { host: 0, tree: 0, count: NaN },
  ]) {
    assert.throws(() => owners({ uids: [wrong], gids: [] }), withCode("invalid_argument", /idMap\.uids/));
    assert.throws(
      () => owners({ uids: [], gids: [range, wrong] }),
      withCode("invalid_argument", /idMap\.gids/),
    );
  }
});
