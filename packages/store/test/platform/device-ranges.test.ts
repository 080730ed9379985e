import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceRanges } from "../../src/platform/device-ranges.js";
import { Random, seedOfRun } from "../random.js";

const owners = 3;
const deviceBytes = 60;

test("each byte counts once, and is exclusive when one owner alone has it", () => {
  const random = new Random(seedOfRun());
  for (let round = 0; round < 300; round++) {
    const ranges = new DeviceRanges();
    const users = Array.from({ length: deviceBytes }, () => new Set<number>());
    const uses = Array.from({ length: deviceBytes }, () => 0);
    const areShared = Array.from({ length: deviceBytes }, () => false);
    for (let n = random.below(8); n > 0; n--) {
      const owner = random.below(owners);
      const startBytes = random.below(deviceBytes);
      const lengthBytes = 1 + random.below(deviceBytes - startBytes);
      const isShared = random.chance(0.3);
      ranges.add(owner, { startBytes, lengthBytes, isShared });
      for (let at = startBytes; at < startBytes + lengthBytes; at++) {
        users[at]?.add(owner);
        uses[at] = (uses[at] ?? 0) + 1;
        if (isShared) areShared[at] = true;
      }
    }
    const { totalBytes, owned } = ranges.count(owners);
    const where = `seed ${random.seed}, round ${round}`;
    assert.equal(totalBytes, users.filter(({ size }) => size > 0).length, where);
    for (let owner = 0; owner < owners; owner++) {
      const mine = users.flatMap((of, at) => (of.has(owner) ? [at] : []));
      const alone = mine.filter((at) => users[at]?.size === 1 && !(uses[at] === 1 && areShared[at]));
      const expected = { referencedBytes: mine.length, exclusiveBytes: alone.length };
      assert.deepEqual(owned[owner], expected, where);
    }
  }
});
