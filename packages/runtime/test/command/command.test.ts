import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { capture, type Command, type Session, type SessionProcess } from "../../src/index.js";
import { COMMANDS_RUNNING_MAX, SESSION_LOGS_BYTES_MAX } from "../../src/limits.js";
import { noSandbox } from "../support/available.js";
import { Fixture, runIn } from "../support/fixture.js";
import { eventually, openDescriptors } from "../support/host.js";

async function read(command: Command, from = 0): Promise<string> {
  let text = "";
  for await (const { bytes } of command.output?.follow(from) ?? []) text += bytes.toString();
  return text;
}

/** Reads until the output holds `text`. */
async function until(command: Command, text: string): Promise<void> {
  let seen = "";
  for await (const { bytes } of command.output?.follow(0) ?? [])
    if ((seen += bytes.toString()).includes(text)) return;
  assert.fail(`${JSON.stringify(text)} is not in ${JSON.stringify(seen)}`);
}

describe("a command in the background", { skip: noSandbox }, () => {
  let fixture: Fixture;
  let session: Session;
  before(async () => {
    fixture = await Fixture.open();
    session = await fixture.session();
  });
  after(() => fixture[Symbol.asyncDispose]());

  it("is listed with the number it has inside, runs on, and tells how it ended", async () => {
    const command = await session.start({ command: "echo $$; read line; echo got $line >&2; exit 7" });
    assert.equal(command.state, "running");
    assert.equal(session.command(command.id), command);
    assert.deepEqual(session.commands()[0], command);
    await until(command, "\n");
    await command.write(Buffer.from("it\n"));
    await command.ended;
    assert.deepEqual([command.state, command.result?.exitCode, command.result?.signal], ["exited", 7, null]);
    assert.equal(await read(command), `${String(command.pid)}\ngot it\n`);
    assert.equal(await read(command, String(command.pid).length + 1), "got it\n");
    assert.ok((command.endedAtMs ?? 0) >= command.startedAtMs);
  });

  it("says its number even when it ends at once", async () => {
    for (let round = 0; round < 20; round++) {
      const command = await session.start({ command: ["true"] });
      assert.ok((command.pid ?? 0) > 1);
      await command.ended;
      assert.equal(command.result?.exitCode, 0);
    }
  });

  it("that cannot be run says so", async () => {
    const missing = await session.start({ command: ["no-such-program"] });
    await missing.ended;
    assert.deepEqual([missing.state, missing.result?.exitCode], ["exited", 127]);
    const nowhere = await session.start({ command: "true", cwd: "/no/where" });
    await nowhere.ended;
    assert.deepEqual([nowhere.state, nowhere.error?.code], ["failed", "working_directory_not_found"]);
  });

  it("takes its input once, however often a piece is sent", async () => {
    const command = await session.start({ command: ["cat"] });
    assert.deepEqual(await command.write(Buffer.from("abc"), { offset: 0 }), {
      receivedBytes: 3,
      ended: false,
      takenBytes: 3,
    });
    assert.deepEqual(await command.write(Buffer.from("abcde"), { offset: 0 }), {
      receivedBytes: 5,
      ended: false,
      takenBytes: 5,
    });
    assert.deepEqual(await command.write(Buffer.from("b"), { offset: 1 }), {
      receivedBytes: 5,
      ended: false,
      takenBytes: 1,
    });
    await assert.rejects(command.write(Buffer.from("g"), { offset: 6 }), {
      code: "input_gap",
      data: { expectedOffset: 5 },
    });
    await command.write(Buffer.from("f"), { offset: 5, end: true });
    await command.write(Buffer.from("f"), { offset: 5, end: true });
    await assert.rejects(command.write(Buffer.from("g")), { code: "input_closed" });
    assert.equal(await read(command), "abcdef");
  });

  it("that does not read holds its writer back, and takes the rest when asked again", async () => {
    const command = await session.start({ command: "read go; exec cat" });
    const bytes = Buffer.alloc(3 << 20, "x");
    bytes.write("go\n");
    const signal = AbortSignal.timeout(100);
    const first = await command.write(bytes.subarray(3), { offset: 0, signal }).catch(() => null);
    assert.ok(first !== null && first.receivedBytes > 0 && first.receivedBytes < bytes.length);
    command.kill("SIGKILL");
    await assert.rejects(command.write(bytes, { offset: first.receivedBytes }), { code: "input_closed" });
    await command.ended;
  });

  it("carries megabytes of input through in order", async () => {
    const command = await session.start({ command: "sha256sum" });
    const bytes = Buffer.from(
      Array.from({ length: 5 << 20 }, (_, index) => (index * 31 + (index >> 8)) % 256),
    );
    const { createHash } = await import("node:crypto");
    for (let at = 0; at < bytes.length; at += 1 << 20) void command.write(bytes.subarray(at, at + (1 << 20)));
    await command.write(new Uint8Array(), { end: true });
    assert.equal((await read(command)).split(" ")[0], createHash("sha256").update(bytes).digest("hex"));
  });

  it("and its children get the signal, and a timeout keeps what was printed", async () => {
    const command = await session.start({
      command:
        "trap 'echo got; exit 9' TERM; sleep 1003 & until pgrep -x sleep >/dev/null; do :; done; echo ready; wait",
    });
    await until(command, "ready\n");
    command.kill();
    await command.ended;
    assert.equal(command.result?.exitCode, 9);
    const late = await session.start({ command: "echo before; sleep 1004; echo after", timeoutMs: 300 });
    await late.ended;
    assert.deepEqual(
      [late.result?.exitCode, late.result?.timedOut, await read(late)],
      [124, true, "before\n"],
    );
    const left = async (): Promise<boolean> =>
      (await runIn(session, "ps -e -o args= | grep -c '^sleep 100[34]' || true")).text === "0\n";
    assert.ok(await eventually(left));
  });

  it("never waits for a reader, and a session's logs stay within their cap", async () => {
    const before = process.memoryUsage().rss;
    const floods = await Promise.all(
      Array.from({ length: 6 }, () => session.start({ command: "yes | head -c 20000000; echo the end" })),
    );
    const slow = floods[0]?.output?.follow(0);
    const first = await slow?.next();
    await Promise.all(floods.map(({ ended }) => ended));
    const kept = floods.reduce((sum, { output }) => sum + (output?.costBytes ?? 0), 0);
    assert.ok(kept <= SESSION_LOGS_BYTES_MAX, String(kept));
    for (const { output } of floods) assert.equal(output?.endOffset, 20_000_008);
    const missed = await slow?.next();
    // The flood may have run ahead before the first look, too.
    assert.ok((first?.value?.lostBytes ?? 0) + (missed?.value?.lostBytes ?? 0) > 1_000_000);
    // The logs, and what was read and awaits collection.
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 128 << 20, String(grown));
  });

  it("leaves processes that are shown as its own after it has ended, also when they left its group", async () => {
    const starting = session.start({
      command: "setsid sh -c 'sleep 1005 & exec sleep 1006' & echo started",
    });
    // A server that is busy just then finds the process further along in its set-up.
    const busyUntil = performance.now() + 200;
    while (performance.now() < busyUntil);
    const command = await starting;
    await command.ended;
    const own = (): string[] =>
      session
        .processes()
        .filter(({ commandId }) => commandId === command.id)
        .map(({ name }) => name);
    const settled = await eventually(() => own().join() === "sleep,sleep");
    assert.ok(settled, JSON.stringify(session.processes()));
    const other = await session.exec({ command: "sleep 1007 & echo up; exec cat" });
    await new Promise((resolve) => other.stdout.once("data", resolve));
    assert.deepEqual(own(), ["sleep", "sleep"]);
    const theirs = (): SessionProcess[] =>
      session.processes().filter(({ commandId }) => commandId === other.id);
    const names = (): string =>
      theirs()
        .map(({ name }) => name)
        .sort()
        .join();
    assert.ok(await eventually(() => names() === "cat,sleep"), names());
    const [leader] = theirs().filter(({ name }) => name === "cat");
    assert.equal(session.command(other.id)?.pid, leader?.pid);
    await capture(other);
    await runIn(session, "pkill sleep");
  });

  it("is one of a limited number", async () => {
    const narrow = await fixture.session();
    const all = await Promise.all(
      Array.from({ length: COMMANDS_RUNNING_MAX }, () => narrow.start({ command: ["cat"] })),
    );
    await assert.rejects(narrow.start({ command: ["cat"] }), { code: "too_many_commands" });
    assert.equal((await runIn(narrow, "echo still")).text, "still\n");
    all[0]?.kill("SIGKILL");
    await all[0]?.ended;
    await narrow.start({ command: ["cat"] });
    await narrow.end();
    await Promise.all(all.map(({ ended }) => ended));
  });

  it("in the foreground is forgotten with its end, and no descriptor is left of any", async () => {
    const execution = await session.exec({ command: ["cat"] });
    assert.equal(session.command(execution.id)?.kind, "foreground");
    await capture(execution);
    assert.ok(await eventually(() => session.command(execution.id) === undefined));
    const descriptors = openDescriptors();
    for (let round = 0; round < 20; round++) {
      const command = await session.start({ command: "echo x" });
      await command.ended;
    }
    assert.ok(await eventually(() => openDescriptors() <= descriptors));
  });
});
