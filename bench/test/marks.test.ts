import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { isMet } from "../goals.js";
import { markAccounting } from "../marks/accounting.js";
import { fillScript, markDisk } from "../marks/disk.js";
import { markLibrary } from "../marks/library.js";
import { markPeers } from "../marks/peers.js";
import { descendants, heldBy, proportionalBytes, residentBytes } from "../marks/processes.js";
import { startBenchServer } from "../marks/server.js";
import { markSessions } from "../marks/sessions.js";
import { goalsTable, marksTable } from "../report.js";

const silent = (): void => undefined;

test("the marks run on a small disk of a server", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  // A server that is root lets each account work as a host user of its own, which must get through here.
  chmodSync(directory, 0o755);
  try {
    await using server = await startBenchServer(join(directory, "data"));
    const { marks } = await markDisk(server, { files: 450, runs: 1 });
    assert.equal(marks.filter((mark) => mark.goalMs !== null).length, 3);
    assert.match(marksTable(marks), /clone of a disk with 450 files/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the marks of sessions run with few of them, and find what they leave", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  chmodSync(directory, 0o755);
  try {
    const few = { warmRuns: 1, coldRuns: 1, sessions: 2, execs: 10, onStep: silent };
    const { marks, goals, notes } = await markSessions(directory, few);
    const text = marksTable(marks);
    assert.match(text, /session started, network none/);
    assert.ok(text.includes("network nat") || notes.some((note) => note.includes("nat")), text);
    const value = (name: string): number => goals.find((goal) => goal.name.includes(name))?.value ?? NaN;
    assert.ok(value("memory of each of 2 sessions") > 0);
    assert.ok(value("exec in a warm session") > 0);
    assert.ok(value("p99") > 0);
    assert.ok(value("beside a session that takes all it can") > 0);
    assert.equal(value("left when all have ended"), 0, goalsTable(goals));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("what a process holds and has below itself is seen", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  const child = spawn("/bin/sh", [
    "-c",
    'exec 7< /dev/null; mkdir "$1/made"; echo; sleep 100 & wait',
    "held",
    directory,
  ]);
  try {
    const pid = child.pid ?? NaN;
    await once(child.stdout, "data");
    while (descendants(pid).length === 0) await new Promise(setImmediate);
    const held = heldBy(pid, directory);
    assert.ok(held.descriptors >= 4, `${held.descriptors} descriptors`);
    assert.equal(held.processes, 1);
    assert.equal(held.directories, 1);
    const below = descendants(process.pid);
    assert.ok([pid, ...descendants(pid)].every((one) => below.includes(one)));
    assert.ok(residentBytes(pid) >= proportionalBytes(pid) && proportionalBytes(pid) > 0);
  } finally {
    for (const pid of descendants(child.pid ?? NaN)) process.kill(pid);
    child.kill();
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the marks of the library's disks run on small ones, and the law holds", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    const { marks, goals } = await markLibrary(directory, { files: 100, runs: 1, clones: 3, onStep: silent });
    assert.equal(marks.filter((mark) => mark.goalMs !== null).length, 5);
    const text = marksTable(marks);
    for (const part of [
      /clone of one with 1000 files/,
      /snapshot after 10 changed files of 1000/,
      /find through 1 layer /,
      /grep -r through 16 layers/,
    ]) {
      assert.match(text, part);
    }
    assert.ok(marks.every(({ measured }) => measured.minMs > 0));
    assert.deepEqual(
      goals.map((goal) => [goal.limit, goal.value !== null]),
      ["1.2 x with 100 files", "1.2 x with 100 files", "1.3 x one layer", "1.3 x one layer", "0", "0"].map(
        (limit) => [limit, true],
      ),
    );
    assert.ok(goals.filter(({ limit }) => limit === "0").every(isMet), goalsTable(goals));
  } finally {
    execFileSync("chmod", ["-R", "u+rwX", directory]);
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the marks of accounting run on a store with few snapshots", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    const few = { snapshots: 6, files: 20, runs: 1, onStep: silent };
    const { marks } = await markAccounting(directory, few);
    assert.equal(marks.filter((mark) => mark.goalMs === 10).length, 9);
    assert.match(marksTable(marks), /each snapshot's usage in a store with 6 snapshots, after a deletion/);
    assert.ok(marks.every(({ measured }) => measured.minMs > 0));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("others copy as many files, or it is said why not", async () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    const { marks, notes } = await markPeers(directory, { files: 20, runs: 2 });
    assert.match(marksTable(marks), /peer: cp -a, 20 files/);
    const text = [...marks.map(({ name }) => name), ...notes].join("\n");
    for (const filesystem of ["btrfs", "xfs"]) assert.ok(text.includes(filesystem), text);
    assert.deepEqual(readdirSync(directory), []);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("the script that fills a disk makes as many files as it says", () => {
  const directory = mkdtempSync(join(tmpdir(), "chaser-bench-test-"));
  try {
    for (const files of [1, 200, 401]) {
      const folder = join(directory, String(files));
      execFileSync("mkdir", [folder]);
      const script = fillScript(files, folder);
      assert.equal(Number(execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" })), files);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
