import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { capture, type Session } from "../../src/index.js";
import { noSandbox } from "../support/available.js";
import { Fixture, runIn } from "../support/fixture.js";
import { eventually, hostProcesses, openDescriptors, processesWith } from "../support/host.js";

describe("a command", { skip: noSandbox }, () => {
  let fixture: Fixture;
  let session: Session;
  before(async () => {
    fixture = await Fixture.open();
    session = await fixture.session();
  });
  after(() => fixture[Symbol.asyncDispose]());

  const endings = [
    { command: "exit 0", exitCode: 0, signal: null },
    { command: "exit 3", exitCode: 3, signal: null },
    { command: "exit 255", exitCode: 255, signal: null },
    { command: "no-such-command", exitCode: 127, signal: null },
    { command: ["no-such-command"], exitCode: 127, signal: null },
    { command: ["/workspace/no/such/file"], exitCode: 127, signal: null },
    { command: ["/etc/passwd"], exitCode: 126, signal: null },
    { command: ["/workspace"], exitCode: 126, signal: null },
    { command: ["/no\nsuch"], exitCode: 127, signal: null },
    { command: "kill -TERM $$", exitCode: 143, signal: "SIGTERM" },
    { command: "kill -KILL $$", exitCode: 137, signal: "SIGKILL" },
    { command: "kill -SEGV $$", exitCode: 139, signal: "SIGSEGV" },
  ];
  for (const { command, ...expected } of endings) {
    it(`ends with ${String(expected.exitCode)} after ${JSON.stringify(command)}`, async () => {
      const { exitCode, signal, timedOut } = await runIn(session, command);
      assert.deepEqual({ exitCode, signal, timedOut }, { ...expected, timedOut: false });
    });
  }

  it("has separate output streams, and both in order", async () => {
    const { stdout, stderr, output } = await runIn(
      session,
      "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three",
    );
    assert.equal(stdout.toString(), "one\nthree\n");
    assert.equal(stderr.toString(), "two\n");
    assert.equal(output.toString(), "one\ntwo\nthree\n");
  });

  it("can open its own streams by name", async () => {
    const { stdout, stderr } = await runIn(session, "cat /dev/stdin > /dev/stdout; echo oops > /dev/stderr", {
      stdin: "through\n",
    });
    assert.equal(stdout.toString(), "through\n");
    assert.equal(stderr.toString(), "oops\n");
  });

  it("takes a list as it is, with no shell", async () => {
    const { stdout } = await runIn(session, ["printf", "%s|", "$HOME", "a b", "*", ""]);
    assert.equal(stdout.toString(), "$HOME|a b|*||");
  });

  it("finds an end of input when there is none", async () => {
    assert.equal((await runIn(session, "cat; echo end")).text, "end\n");
  });

  it("carries a megabyte through", async () => {
    const bytes = Buffer.from(Array.from({ length: 1 << 20 }, (_, index) => (index * 31) % 256));
    const result = await runIn(session, ["cat"], { stdin: bytes, maxOutputBytes: 2 << 20 });
    assert.ok(result.stdout.equals(bytes));
    assert.equal(result.outputTruncated, false);
  });

  it("may stop reading early without harm to the writer", async () => {
    const result = await runIn(session, "head -c 1", { stdin: Buffer.alloc(4 << 20, "x") });
    assert.equal(result.exitCode, 0);
    assert.equal(result.text, "x");
  });

  it("runs in its working directory, and not at all when there is none", async () => {
    assert.equal((await runIn(session, "pwd")).text, "/workspace\n");
    assert.equal((await runIn(session, "pwd", { cwd: "/usr/bin" })).text, "/usr/bin\n");
    for (const cwd of ["/no/where", "/no\nwhere", "/no".repeat(1300)])
      await assert.rejects(runIn(session, "pwd", { cwd }), { code: "working_directory_not_found" });
  });

  it("refuses paths that no file can have, and runs no program of a long one that is not there", async () => {
    const long = "/no".repeat(1400);
    await assert.rejects(runIn(session, "pwd", { cwd: long }), { code: "invalid_argument" });
    await assert.rejects(runIn(session, [long]), { code: "invalid_argument" });
    assert.equal((await runIn(session, ["/no".repeat(1300)])).exitCode, 127);
  });

  it("is killed with its group after its time, and what it printed is kept", async () => {
    const result = await runIn(session, "trap '' TERM; echo before; sleep 1002 & sleep 1002; echo after", {
      timeoutMs: 300,
    });
    assert.deepEqual([result.exitCode, result.timedOut, result.text], [124, true, "before\n"]);
    const gone = async (): Promise<boolean> =>
      (await runIn(session, "ps -e -o args= | grep -c '^sleep 1002' || true")).text === "0\n";
    assert.ok(await eventually(gone));
  });

  it("gets signals as a group", async () => {
    const execution = await session.exec({
      command: "trap 'echo got; exit 9' TERM; sleep 1000 & echo ready; wait",
    });
    execution.stdout.once("data", () => {
      execution.kill();
    });
    const result = await capture(execution);
    assert.deepEqual([result.exitCode, result.stdout.toString()], [9, "ready\ngot\n"]);
  });

  it("that ignores SIGTERM yields to SIGKILL", async () => {
    const execution = await session.exec({
      command: "trap '' TERM; echo ready; while :; do sleep 0.05; done",
    });
    let killed = false;
    execution.stdout.once("data", () => {
      execution.kill("SIGTERM");
      setTimeout(() => {
        killed = true;
        execution.kill("SIGKILL");
      }, 200);
    });
    const result = await capture(execution);
    assert.deepEqual([killed, result.exitCode, result.signal], [true, 137, "SIGKILL"]);
  });

  it("can be killed before it has begun", async () => {
    for (let round = 0; round < 10; round++) {
      const execution = await session.exec({ command: ["sleep", "1000"] });
      if (round % 2 === 1) await delay(round);
      execution.kill("SIGKILL");
      const result = await capture(execution);
      assert.deepEqual([result.exitCode, result.signal], [137, "SIGKILL"]);
    }
  });

  it("is killed with all it started, at any moment of its start", async () => {
    const marker = `1${String(process.pid)}${String(Date.now() % 100_000)}`;
    for (let round = 0; round < 60; round++) {
      const execution = await session.exec({ command: `sleep ${marker} & sleep ${marker}; sleep ${marker}` });
      await delay(round / 4);
      execution.kill("SIGKILL");
      const { signal } = await capture(execution);
      assert.equal(signal, "SIGKILL");
    }
    assert.ok(await eventually(() => processesWith(marker).length === 0));
  });

  it("is ended by an abort signal", async () => {
    const signal = AbortSignal.timeout(200);
    await assert.rejects(runIn(session, "sleep 1001", { signal }), { name: "TimeoutError" });
    // Others of the group may take a moment longer to die than its leader.
    const gone = async (): Promise<boolean> =>
      (await runIn(session, "ps -e -o args= | grep -c '^sleep 1001' || true")).text === "0\n";
    assert.ok(await eventually(gone));
  });

  it("does not hold its result back for what it leaves in the background", async () => {
    const result = await runIn(session, "sleep 1000 & echo started");
    assert.equal(result.text, "started\n");
    assert.equal((await runIn(session, "pkill sleep; echo $?")).text, "0\n");
  });

  it("sees the processes of other commands, and its orphans are reaped", async () => {
    const { text } = await runIn(
      session,
      "for i in 1 2 3 4 5 6 7 8; do (sleep 0.02 &) ; done; sleep 0.5; ps -e -o state=,comm= | grep -c '^Z' || true",
    );
    assert.equal(text, "0\n");
    const other = await session.exec({ command: "echo up; exec sleep 1000" });
    await new Promise((resolve) => other.stdout.once("data", resolve));
    assert.match((await runIn(session, "ps -e -o args=")).text, /^sleep 1000$/m);
    other.kill("SIGKILL");
    await other.completed;
  });

  it("keeps what a cap allows of a flood, counts the rest, and memory stays flat", async () => {
    const before = process.memoryUsage().rss;
    const result = await runIn(session, "yes | head -c 500000000", { maxOutputBytes: 1000 });
    assert.equal(result.output.length, 1000);
    assert.equal(result.outputBytes, 500_000_000);
    assert.equal(result.outputTruncated, true);
    assert.ok(process.memoryUsage().rss - before < 64 << 20);
  });

  it("waits for a reader that is slow", async () => {
    const execution = await session.exec({ command: "yes | head -c 50000000" });
    execution.stdin.end();
    let bytes = 0;
    let chunks = 0;
    for await (const chunk of execution.stdout) {
      bytes += (chunk as Buffer).length;
      if (chunks++ < 20) await delay(5);
      assert.ok(execution.stdout.readableLength < 1 << 20);
    }
    assert.equal(bytes, 50_000_000);
    assert.equal((await execution.completed).exitCode, 0);
  });

  it("runs beside 63 others", async () => {
    const results = await Promise.all(
      Array.from({ length: 64 }, (_, index) => runIn(session, `echo ${String(index)}; sleep 0.1`)),
    );
    results.forEach(({ text, exitCode }, index) => {
      assert.deepEqual([text, exitCode], [`${String(index)}\n`, 0]);
    });
  });

  it("leaves no descriptor and no process behind", async () => {
    await runIn(session, "true");
    const descriptors = openDescriptors();
    const watchers = (): number =>
      hostProcesses().filter(({ parent, command }) => parent === process.pid && command.includes("bwrap"))
        .length;
    const before = watchers();
    for (let round = 0; round < 50; round++) await runIn(session, "true");
    assert.ok(await eventually(() => openDescriptors() <= descriptors && watchers() <= before));
  });

  const refused: [string, Parameters<Session["exec"]>[0]][] = [
    ["an empty list", { command: [] }],
    ["a NUL byte", { command: "a\0b" }],
    ["a relative directory", { command: "true", cwd: "here" }],
    ["an environment name with =", { command: "true", env: { "A=B": "c" } }],
    ["an argument over the kernel's limit", { command: ["echo", "x".repeat(200_000)] }],
    [
      "more than a megabyte of arguments",
      { command: ["echo", ...Array<string>(20).fill("x".repeat(100_000))] },
    ],
    ["no time at all", { command: "true", timeoutMs: 0 }],
  ];
  for (const [what, spec] of refused) {
    it(`is refused with ${what}`, async () => {
      await assert.rejects(session.exec(spec), { code: "invalid_argument" });
    });
  }
});
