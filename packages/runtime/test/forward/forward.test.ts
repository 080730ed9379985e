import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { RuntimeError, type Session } from "../../src/index.js";
import { FORWARD_CONNECTIONS_MAX } from "../../src/limits.js";
import { noSandbox } from "../support/available.js";
import { Fixture, sandboxUid } from "../support/fixture.js";

const LISTEN = `
import socket, time
listener = socket.create_server(("127.0.0.1", 7000), backlog=1024)
print("listening", flush=True)
kept = []
while True:
    connection, _ = listener.accept()
    connection.sendall(b"inside")
    kept.append(connection)
`;

const isCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof RuntimeError && error.code === code;

/** Processes of the host that open connections inside sessions, and who they are. */
function dialers(): number[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const [, parent] = /\) \S (\d+) /.exec(readFileSync(`/proc/${entry}/stat`, "utf8")) ?? [];
      const isOurs = parent === String(process.pid);
      if (!isOurs || !readFileSync(`/proc/${entry}/cmdline`, "utf8").includes("dialer-process")) return [];
      return [Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, "utf8"))?.[1])];
    } catch {
      return [];
    }
  });
}

describe("a connection to a port inside", { skip: noSandbox }, () => {
  let fixture: Fixture;
  let session: Session;
  before(async () => {
    fixture = await Fixture.open();
    session = await listening();
  });
  after(() => fixture[Symbol.asyncDispose]());

  async function listening(): Promise<Session> {
    const started = await fixture.session();
    const command = await started.start({ command: ["python3", "-c", LISTEN] });
    for await (const { bytes } of command.output?.follow(0) ?? []) if (bytes.includes("listening")) break;
    return started;
  }

  it("gives what is said first, and is opened by nobody but the session's host user", async () => {
    const socket = await session.connect(7000);
    assert.equal(String((await once(socket, "data"))[0]), "inside");
    assert.deepEqual(dialers(), [sandboxUid]);
    await once(socket.destroy(), "close");
  });

  it("says what is closed, and what is no port", async () => {
    await assert.rejects(session.connect(7001), isCode("port_closed"));
    for (const port of [0, 65_536, 1.5, Number.NaN])
      await assert.rejects(session.connect(port), isCode("invalid_argument"));
  });

  it("reaches no port of another session or of the host", async () => {
    const onHost = createServer().listen(0, "127.0.0.1");
    await once(onHost, "listening");
    const other = await fixture.session();
    for (const port of [7000, (onHost.address() as AddressInfo).port])
      await assert.rejects(other.connect(port), isCode("port_closed"));
    await other.end();
    onHost.close();
  });

  it("is one of a bounded number", async () => {
    const sockets = await Promise.all(
      Array.from({ length: FORWARD_CONNECTIONS_MAX }, () => session.connect(7000)),
    );
    await assert.rejects(session.connect(7000), isCode("too_many_connections"));
    const closed = sockets.map((socket: Socket) => once(socket, "close"));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
    (await session.connect(7000)).destroy();
  });

  it("is cut when the session ends, with the process that opened it", async () => {
    const ending = await listening();
    const before = dialers().length;
    const socket = await ending.connect(7000);
    const closed = once(socket, "close");
    assert.equal(dialers().length, before + 1);
    await ending.end();
    await closed;
    assert.equal(socket.readableEnded, false);
    assert.equal(dialers().length, before);
    await assert.rejects(ending.connect(7000), isCode("session_ended"));
  });
});
