import assert from "node:assert/strict";
import { test } from "node:test";
import { DigestLengths } from "../../src/chunk/digest-lengths.js";
import { hash } from "../../src/chunk/hash.js";

const numbered = (n: number): Buffer => hash(Buffer.from(`${n}`));

test("gives the length that was last told of each digest, however many there are", () => {
  const lengths = new DigestLengths();
  for (let n = 0; n < 5_000; n++) lengths.set(numbered(n), n);
  for (let n = 0; n < 5_000; n += 2) lengths.set(numbered(n), 2 * n);
  assert.equal(lengths.size, 5_000);
  for (let n = 0; n < 5_000; n++) assert.equal(lengths.get(numbered(n)), n % 2 === 0 ? 2 * n : n);
  assert.deepEqual([lengths.get(numbered(5_000)), lengths.has(numbered(5_000))], [null, false]);
});
