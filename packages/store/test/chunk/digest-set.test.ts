import assert from "node:assert/strict";
import { test } from "node:test";
import { DigestSet } from "../../src/chunk/digest-set.js";
import { hash } from "../../src/chunk/hash.js";

const numbered = (n: number): Buffer => hash(Buffer.from(`${n}`));

test("a set has what was added to it, however much that is, and nothing else", () => {
  const set = new DigestSet();
  for (let n = 0; n < 10_000; n += 2) set.add(numbered(n));
  for (let n = 0; n < 10_000; n += 2) set.add(numbered(n));
  for (let n = 0; n < 10_000; n++) assert.equal(set.has(numbered(n)), n % 2 === 0);
  assert.deepEqual([set.size, [...set][7], set.numberOf(numbered(14))], [5_000, numbered(14), 7]);
  assert.equal(set.numberOf(numbered(1)), -1);
  set.clear();
  assert.equal(set.has(numbered(0)), false);
  set.add(numbered(1));
  assert.deepEqual([set.has(numbered(0)), set.has(numbered(1))], [false, true]);
});

test("digests that begin alike are told apart", () => {
  const set = new DigestSet();
  const alike = Array.from({ length: 32 }, (_, n) => Buffer.from(numbered(0)).fill(n + 1, n, n + 1));
  for (const [n, id] of alike.entries()) {
    if (n % 2 === 1) set.add(id);
  }
  assert.deepEqual(
    alike.map((id) => set.has(id)),
    alike.map((_, n) => n % 2 === 1),
  );
});
