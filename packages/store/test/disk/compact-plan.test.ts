import assert from "node:assert/strict";
import { test } from "node:test";
import { runToMerge } from "../../src/disk/compact-plan.js";

function run(sizes: number[], layersMax: number): number {
  return runToMerge(sizes.length, layersMax, (layer) => sizes[layer] as number);
}

const ones = (count: number): number[] => Array.from({ length: count }, () => 1);

void test("a large layer is left alone until enough has piled up above it", () => {
  assert.equal(run([...ones(63), 100_000], 64), 63);
  assert.equal(run([...ones(62), 63, 100_000], 64), 62);
  assert.equal(run([...ones(31), 100_000, ...ones(32)], 64), 31);
  assert.equal(run([3, 30, 30, 30, 30, 30, 30, 30], 8), 8);
});

void test("a stack is within its limit afterwards, however long it was", () => {
  assert.equal(run([...ones(100), 7], 64), 100);
  const falling = Array.from({ length: 200 }, (_, n) => 2 ** n);
  assert.equal(200 - run(falling, 64) + 1, 64 - 8);
  assert.equal(run([1, 1], 1), 2);
});

void test("counting ends where it cannot matter any more", () => {
  const asked: number[] = [];
  runToMerge(64, 64, (layer, stopAt) => {
    asked[layer] = stopAt;
    return layer === 63 ? Math.min(stopAt, 1_000_000) : 1;
  });
  assert.ok((asked[63] as number) < 10, `asked for ${asked[63]}`);
});

void test("over thousands of layers an entry is merged only a few times", () => {
  const base = 50_000;
  let stack = [base];
  let work = 0;
  const made = 5_000;
  for (let n = 0; n < made; n++) {
    stack.unshift(10);
    if (stack.length < 64) continue;
    const merged = run(stack, 64);
    const entries = stack.slice(0, merged).reduce((sum, size) => sum + size, 0);
    work += entries;
    stack = [entries, ...stack.slice(merged)];
  }
  assert.ok(work < 4 * (base + 10 * made), `${work} entries for ${base + 10 * made}`);
});
