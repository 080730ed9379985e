import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { measureIndexes } from "../micro/index-scale.js";
import { runMicro } from "../micro/tasks.js";
import { indexTable, microTable } from "../report.js";

test("every inner loop runs and has a rate", async () => {
  const results = await runMicro({ timeMs: 5, bytes: 300_000, chunks: 1_000, entries: 50 });
  for (const { name, rate } of results) assert.ok(rate > 0, `${name}: ${rate}`);
  assert.match(microTable(results), /chunker/);
});

test("an index is made, opened and asked, small as it may be", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    const results = await measureIndexes(directory, [
      { chunks: 1_000, segments: 1 },
      { chunks: 40_000, segments: 3 },
    ]);
    for (const { openMs, mergeMs, hitsPerSecond, missesPerSecond } of results) {
      for (const value of [openMs, mergeMs, hitsPerSecond, missesPerSecond]) assert.ok(value > 0);
    }
    assert.match(indexTable(results), /^\| 40000 /m);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
