import assert from "node:assert/strict";
import { test } from "node:test";
import { hash } from "../../src/chunk/hash.js";
import { ReferenceTable } from "../../src/maintenance/reference-table.js";
import { Random, seedOfRun } from "../random.js";

function idsOf(words: Uint32Array): string[] {
  const text = Buffer.from(words.buffer, words.byteOffset, words.byteLength).toString("hex");
  return text.match(/.{64}/g) ?? [];
}

test("counts as a plain map does, whatever is merged when, in place or not", () => {
  for (const room of [0, 1_500, 10_000]) countLikeAMap(room);
});

function countLikeAMap(room: number): void {
  const random = new Random(seedOfRun());
  const told = new Map<string, number>();
  let table = new ReferenceTable(null, room);
  for (let step = 0; step < 15_000; step++) {
    const id = hash(Buffer.from(`${random.below(2_000)}`));
    const role = random.below(3);
    const key = `${id.toString("hex")}:${role}`;
    const count = told.get(key) ?? 0;
    if (count > 0 && random.chance(0.5)) {
      assert.equal(table.subtract(id, role), count - 1, `seed ${random.seed}`);
      told.set(key, count - 1);
    } else {
      assert.equal(table.add(id, role), count + 1, `seed ${random.seed}`);
      told.set(key, count + 1);
    }
    if (random.chance(0.001)) table = new ReferenceTable(table.rows());
  }
  for (let n = 0; n < 2_000; n++) {
    const id = hash(Buffer.from(`${n}`));
    const counts = [0, 1, 2].map((role) => told.get(`${id.toString("hex")}:${role}`) ?? 0);
    assert.deepEqual(
      [0, 1, 2].map((role) => table.count(id, role)),
      counts,
    );
    assert.equal(table.has(id), Math.max(...counts) > 0);
  }
  const { ids, counts } = table.rows();
  assert.equal(counts.length, [...told.values()].filter((count) => count > 0).length);
  const texts = idsOf(ids);
  assert.deepEqual(texts, [...texts].sort());
  assert.equal(table.isEmpty, counts.length === 0);
}

test("ids that agree in their first bytes are told apart", () => {
  const table = new ReferenceTable();
  const ids = [5, 3, 9, 1].map((last) => Buffer.concat([Buffer.alloc(31, 7), Buffer.from([last])]));
  for (const id of ids) table.add(id, 0);
  const merged = new ReferenceTable(table.rows());
  assert.deepEqual(
    idsOf(merged.rows().ids).map((id) => id.at(-1)),
    ["1", "3", "5", "9"],
  );
  for (const id of ids) assert.equal(merged.subtract(id, 0), 0);
  for (const id of ids) assert.equal(merged.has(id), false);
});

test("a reference that was never added cannot be taken away", () => {
  assert.throws(() => new ReferenceTable().subtract(hash(Buffer.from("x")), 0), { code: "corrupt" });
});

test("each object is claimed by the first walk that meets it", () => {
  const table = new ReferenceTable();
  const ids = Array.from({ length: 40 }, (_, n) => hash(Buffer.from(`${n}`))).sort((a, b) => a.compare(b));
  ids.forEach((id, n) => {
    // Some in two roles, some in none.
    for (let role = 0; role < n % 3; role++) table.add(id, role);
  });
  const claims = table.claims();
  const walk = (from: Buffer[]): boolean[] => {
    claims.restart();
    return from.map((id) => {
      const words = new Uint32Array(new Uint8Array(id).buffer);
      return claims.claim(words, 0, 1);
    });
  };
  const first = ids.filter((_, n) => n % 2 === 0);
  assert.deepEqual(
    walk(first),
    first.map((id) => ids.indexOf(id) % 3 > 0),
  );
  assert.deepEqual(
    walk(ids),
    ids.map((_, n) => n % 2 === 1 && n % 3 > 0),
  );
});
