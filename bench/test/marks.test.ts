import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fillScript, markDisk } from "../marks/disk.js";
import { markExec } from "../marks/exec.js";
import { markLibrary } from "../marks/library.js";
import { startBenchServer } from "../marks/server.js";
import { marksTable } from "../report.js";

test("the marks run on a small server and disk", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  // A server that is root lets each account work as a host user of its own, which must get through here.
  chmodSync(directory, 0o755);
  try {
    await using server = await startBenchServer(join(directory, "data"));
    const marks = [
      ...(await markExec(server, { warmRuns: 2, coldRuns: 1 })),
      ...(await markDisk(server, { files: 450, runs: 1 })),
    ];
    assert.equal(marks.filter((mark) => mark.goalMs !== null).length, 5);
    assert.match(marksTable(marks), /clone of a disk with 450 files/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the marks of the library's disks run on small ones", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    const marks = await markLibrary(directory, { files: 250, runs: 1, clones: 3 });
    assert.equal(marks.filter((mark) => mark.goalMs !== null).length, 5);
    const text = marksTable(marks);
    for (const part of [
      /clone of one with 1000 files/,
      /find through 1 layer /,
      /grep -r through 16 layers/,
    ]) {
      assert.match(text, part);
    }
    assert.ok(marks.every(({ measured }) => measured.minMs > 0));
  } finally {
    execFileSync("chmod", ["-R", "u+rwX", directory]);
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the script that fills a disk makes as many files as it says", () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    for (const files of [1, 200, 401]) {
      const folder = join(directory, String(files));
      execFileSync("mkdir", [folder]);
      const script = fillScript(files).replace("cd /workspace", `cd ${folder}`);
      assert.equal(Number(execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" })), files);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
