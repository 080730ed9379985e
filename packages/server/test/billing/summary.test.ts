import assert from "node:assert/strict";
import { test } from "node:test";
import { overlapSeconds, storageSummary } from "../../src/billing/summary.js";

test("the parts of the storage add up to what is used", () => {
  const usage = {
    onDiskBytes: 1000,
    chunkBytes: 400,
    deadBytes: 50,
    layerBytes: 300,
    diskBytes: 200,
    overheadBytes: 50,
    logicalBytes: 5000,
    snapshots: 2,
    audit: null,
  };
  const s = storageSummary(
    usage,
    [
      { id: "a", name: "a", bytes: 120 },
      { id: "b", name: null, bytes: 80 },
    ],
    9000,
  );
  const owned = s.byWorkspace.reduce((sum, w) => sum + w.bytes, 0);
  assert.equal(s.sharedBytes, 300);
  assert.equal(owned + s.snapshotsBytes + s.sharedBytes + s.deadBytes + s.overheadBytes, s.usedBytes);
});

test("only the part of a session within the window counts", () => {
  const sessions = [
    { started_at: 0, ended_at: 5_000 },
    { started_at: 8_000, ended_at: 12_000 },
    { started_at: 18_000, ended_at: null },
    { started_at: 30_000, ended_at: 40_000 },
  ];
  assert.equal(overlapSeconds(sessions, 10_000, 20_000), 2 + 2);
});
