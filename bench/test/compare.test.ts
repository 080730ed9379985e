import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { compare } from "../compare.js";
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
      const comparison = await compare([contender], { source, directory, runs: 1, seed: 5, settle: false });
      assert.equal(comparison.length, 1);
      assert.ok((comparison[0]?.firstBytes ?? 0) > 0);
      const machine = await describeMachine(directory);
      const text = markdown({ startedAt: "now", machine, options: {}, comparison });
      assert.ok(text.includes(`| ${contender.name} `), text);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

test("a contender that gives back something else is found out", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    const source = join(directory, "source");
    writeNodeModules(source, { files: 20, seed: 6, fileBytesMean: 500 });
    const nothing = { durationMs: 1, memoryBytesPeak: null };
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
