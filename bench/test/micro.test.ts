import assert from "node:assert/strict";
import test from "node:test";
import { runMicro } from "../micro/tasks.js";
import { microTable } from "../report.js";

test("every inner loop runs and has a rate", async () => {
  const results = await runMicro({ timeMs: 5, bytes: 300_000, chunks: 1_000, entries: 50 });
  for (const { name, rate } of results) assert.ok(rate > 0, `${name}: ${rate}`);
  assert.match(microTable(results), /chunker/);
});
