import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Command, type Session } from "../../src/index.js";
import { noSandbox } from "../support/available.js";
import { Fixture } from "../support/fixture.js";
import { eventually, openDescriptors, processesWith } from "../support/host.js";

const size = { columns: 101, rows: 33 };

async function until(command: Command, text: string): Promise<string> {
  let seen = "";
  for await (const { bytes } of command.output?.follow(0) ?? [])
    if ((seen += bytes.toString()).includes(text)) return seen;
  assert.fail(`${JSON.stringify(text)} is not in ${JSON.stringify(seen)}`);
}

async function all(command: Command): Promise<string> {
  await command.ended;
  let text = "";
  for await (const { bytes } of command.output?.follow(0) ?? []) text += bytes.toString();
  return text;
}

describe("a terminal", { skip: noSandbox }, () => {
  let fixture: Fixture;
  let session: Session;
  before(async () => {
    fixture = await Fixture.open();
    session = await fixture.session();
  });
  after(() => fixture[Symbol.asyncDispose]());

  const open = (command: string): Promise<Command> => session.openTerminal({ command, size });

  it("is the controlling one of the command, which leads a session of its own", async () => {
    const command = await open(
      'tty < /dev/tty; stty size; echo hello > /dev/tty; ps -o sid= -p $$; echo "$$"',
    );
    const [name, cells, hello, leader, pid] = (await all(command)).split("\r\n").map((line) => line.trim());
    assert.deepEqual([cells, hello, leader], ["33 101", "hello", pid]);
    assert.match(name ?? "", /^\/dev\//);
    assert.equal(pid, String(command.pid));
    assert.equal(command.result?.exitCode, 0);
  });

  it("follows its size, and says so to what runs in it", async () => {
    const command = await open("trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done");
    await until(command, "ready");
    command.resize({ columns: 50, rows: 20 });
    assert.match(await all(command), /20 50/);
    assert.deepEqual(command.terminalSize, { columns: 50, rows: 20 });
    assert.throws(() => command.resize({ columns: 0, rows: 1 }), { code: "invalid_argument" });
  });

  it("turns Ctrl-C into a signal, and Ctrl-D into the end of input", async () => {
    const command = await open("trap 'echo interrupted' INT; (echo ready; exec cat); echo end; cat; exit 6");
    await until(command, "ready");
    await command.write(Buffer.from("\x03"));
    await until(command, "interrupted");
    await until(command, "end");
    await command.write(Buffer.from("typed\n"));
    await until(command, "typed\r\ntyped\r\n");
    await command.write(new Uint8Array(), { end: true });
    await all(command);
    assert.equal(command.result?.exitCode, 6);
  });

  it("cannot be typed into by what runs in it", async () => {
    const probe =
      "import fcntl, termios, sys\n" +
      "for request in (termios.TIOCSTI, termios.TIOCSTI | 1 << 32, 0x541C):\n" +
      "  try: fcntl.ioctl(0, request & 0xffffffffffffffff, b'x'); print('typed')\n" +
      "  except OSError as error: print(error.errno)\n" +
      "  except OverflowError: print(1)\n";
    const command = await session.openTerminal({ command: ["/usr/bin/python3", "-c", probe], size });
    assert.equal(await all(command), "1\r\n1\r\n1\r\n");
  });

  it("gives the command three descriptors, all of them the terminal", async () => {
    const command = await open("ls -1 /proc/self/fd | wc -l; for n in 0 1 2; do test -t $n || echo no; done");
    // The fourth is the directory that is listed.
    assert.equal((await all(command)).trim(), "4");
  });

  it("tells a command that cannot be run from one that can", async () => {
    const missing = await session.openTerminal({ command: ["no-such-program"], size });
    await missing.ended;
    assert.equal(missing.result?.exitCode, 127);
    const nowhere = await session.openTerminal({ command: "true", cwd: "/no/where", size });
    await nowhere.ended;
    assert.equal(nowhere.error?.code, "working_directory_not_found");
    await assert.rejects(session.openTerminal({ command: "true", size: { columns: 1.5, rows: 2 } }), {
      code: "invalid_argument",
    });
  });

  it("ends with its session, jobs in the background and descriptors included", async () => {
    const descriptors = openDescriptors();
    const marker = `1${String(process.pid)}7`;
    const other = await fixture.session();
    const command = await other.openTerminal({ command: `set -m; sleep ${marker} & echo ready; wait`, size });
    await until(command, "ready");
    await other.end();
    await command.ended;
    assert.ok(await eventually(() => processesWith(marker).length === 0 && openDescriptors() <= descriptors));
  });
});

describe("a self-test", { skip: noSandbox }, () => {
  it("finds that a session keeps its promises, and what is broken", async () => {
    await using fixture = await Fixture.open();
    const session = await fixture.session();
    for (const { name, ok, detail } of await session.selfTest()) assert.ok(ok, `${name}: ${detail}`);
    const command = await session.start({ command: "chmod 500 /workspace; echo done; cat" });
    await until(command, "done");
    const broken = (await session.selfTest()).filter(({ ok }) => !ok);
    assert.deepEqual(
      broken.map(({ name }) => name),
      ["workspace"],
    );
  });
});
