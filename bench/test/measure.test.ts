import assert from "node:assert/strict";
import test from "node:test";
import { distribution, measureProcess, median } from "../measure.js";

test("the median of an even number of values lies between the two in the middle", () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([5, 1, 3]), 3);
});

test("a distribution names its ends", () => {
  const { runs, minMs, medianMs, maxMs } = distribution([3, 1, 2]);
  assert.deepEqual({ runs, minMs, medianMs, maxMs }, { runs: 3, minMs: 1, medianMs: 2, maxMs: 3 });
  assert.throws(() => distribution([]), /no runs/);
});

test("the memory of a process counts with that of its children", async () => {
  const script = "Buffer.alloc(100_000_000, 1); setTimeout(() => {}, 300)";
  const { memoryBytesPeak } = await measureProcess("/bin/sh", [
    "-c",
    `"${process.execPath}" -e '${script}'; true`,
  ]);
  assert.ok(memoryBytesPeak !== null && memoryBytesPeak > 100_000_000, `only ${memoryBytesPeak} bytes seen`);
});

test("what a process writes can be read", async () => {
  const { output, durationMs } = await measureProcess("/bin/sh", ["-c", "echo inside 3"]);
  assert.equal(output, "inside 3\n");
  assert.ok(durationMs > 0);
});

test("a failing process is an error with its output", async () => {
  await assert.rejects(
    measureProcess("/bin/sh", ["-c", "echo because >&2; exit 3"]),
    /ended with 3:\nbecause/,
  );
});
