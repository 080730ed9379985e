import assert from "node:assert/strict";
import test from "node:test";
import { operations, type ComparisonRow, type Rounds } from "../compare.js";
import { goalsOf, isMet } from "../goals.js";

function row(contender: string, durationsMs: Partial<Rounds>, firstBytes: number): ComparisonRow {
  const none = Object.fromEntries(operations.map((operation) => [operation, []])) as unknown as Rounds;
  return {
    contender,
    version: "1",
    settings: "",
    durationsMs: { ...none, ...durationsMs },
    insideMs: { ...none, ...(contender === "chaser" ? { diff: [4, 9, 3], rediff: [1, 2, 6] } : {}) },
    memoryBytesPeak: none,
    firstBytes,
    allBytes: firstBytes,
  };
}

test("goals compare what stood beside each other, and say what is met, missed and was not run", () => {
  const goals = goalsOf({
    // The machine was ten times slower in the second round, for both.
    comparison: [
      row("chaser", { first: [10, 100, 10], walk: [10, 10, 10], unchanged: [14, 14, 14] }, 90),
      row("restic", { first: [50, 500, 50] }, 100),
      row("tar | zstd -1", { first: [8, 80, 8] }, 100),
    ],
    collection: [],
    index: [],
  });
  const found = (name: string, limit: string): [number | null, boolean | null] => {
    const goal = goals.find((one) => one.name.startsWith(name) && one.limit.includes(limit));
    assert.ok(goal !== undefined, name);
    return [goal.value, isMet(goal)];
  };
  assert.deepEqual(found("first snapshot", "restic"), [0.2, true]);
  assert.deepEqual(found("first snapshot", "tar"), [1.25, false]);
  assert.deepEqual(found("stored size", "tar"), [0.9, true]);
  assert.deepEqual(found("second snapshot", "find"), [1.4, false]);
  assert.deepEqual(found("diff", "5 ms"), [4, true]);
  assert.deepEqual(found("the same diff", "5 ms"), [2, true]);
  assert.deepEqual(found("gc", "restic"), [null, null]);
  assert.deepEqual(found("restore into", "tar"), [null, null]);
});

test("of an index, lookups are to be many, and the rest little", () => {
  const goals = goalsOf({
    comparison: [],
    collection: [],
    index: [1_000_000, 10_000_000].map((chunks) => ({
      chunks,
      segments: 1,
      mergeMs: 1,
      mergeMemoryBytesPeak: 2e9,
      openMs: 30,
      reloadMs: 1,
      firstHitsPerSecond: 1,
      hitsPerSecond: 2e6,
      missesPerSecond: 2e6,
      memoryBytesPerChunk: 44,
      memoryBytesPeak: 1e8,
    })),
  });
  const met = goals.filter(({ name }) => name.startsWith("index")).map(isMet);
  assert.deepEqual(met, [false, true, true, false]);
});
