import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { compareCollection } from "../collection.js";
import { allocatedBytes, compare } from "../compare.js";
import { contenders } from "../contenders/index.js";
import { describeMachine } from "../machine.js";
import { markdown } from "../report.js";
import { writeNodeModules } from "../workloads/node-modules.js";

for (const contender of contenders) {
  test(`${contender.name} gives a small tree back as it was`, async (t) => {
    if ((await contender.version()) === null) {
      t.skip(`needs the contender ${contender.name}, which is not installed`);
      return;
    }
    const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
    try {
      const source = join(directory, "source");
      writeNodeModules(source, { files: 200, seed: 5, fileBytesMean: 2_000 });
      const scratch = join(directory, "scratch");
      mkdirSync(scratch);
      const options = { source, directory, scratch, seed: 5 };
      const comparison = await compare([contender], { ...options, runs: 1, settle: false });
      const [row] = comparison;
      assert.ok(row !== undefined && row.firstBytes > 0 && row.allBytes >= row.firstBytes);
      for (const operation of ["first", "unchanged", "changed", "restore", "walk"] as const) {
        assert.equal(row.durationsMs[operation].length, 1, operation);
      }
      const collection = await compareCollection([contender], {
        ...options,
        snapshots: 3,
        fileBytes: 50_000,
      });
      for (const { beforeBytes, afterBytes, deadBytes } of collection) {
        assert.ok(beforeBytes - afterBytes > deadBytes / 2, `${beforeBytes} bytes became ${afterBytes}`);
      }
      const machine = await describeMachine(directory);
      const text = markdown({ startedAt: "now", machine, options: {}, comparison, collection });
      assert.ok(text.includes(`| ${contender.name.replaceAll("|", "\\|")} `), text);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

test("what a contender may lose is not counted as stored, wherever it keeps it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    mkdirSync(join(directory, "store"));
    const before = await allocatedBytes(directory);
    for (const parent of [directory, join(directory, "store")]) {
      mkdirSync(join(parent, "cache"));
      writeFileSync(join(parent, "cache", "file"), Buffer.alloc(100_000));
    }
    assert.equal(await allocatedBytes(directory), before);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a contender that gives back something else is found out", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    const source = join(directory, "source");
    writeNodeModules(source, { files: 20, seed: 6, fileBytesMean: 500 });
    const nothing = { durationMs: 1, memoryBytesPeak: null, insideMs: null };
    const forgetful = {
      name: "forgetful",
      settings: "",
      fidelity: "content" as const,
      version: () => Promise.resolve("1"),
      create: () =>
        Promise.resolve({
          snapshot: () => Promise.resolve(nothing),
          restore: () => Promise.resolve(nothing),
        }),
    };
    await assert.rejects(
      compare([forgetful], { source, directory, runs: 1, seed: 6, settle: false }),
      /restored tree differs/,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
