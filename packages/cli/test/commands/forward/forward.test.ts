import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { startServer, type RunningServer } from "@chaser/server";
import { outcomeOf, prepareCli } from "../../spawned-cli.js";

/** Says hello first, as many protocols do, and gives back in capitals what it got when that has ended. */
const program = `
import contextlib, socket
listener = socket.create_server(("127.0.0.1", 5432))
while True:
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        connection.sendall(b"hello ")
        got = b""
        while piece := connection.recv(65536): got += piece
        connection.sendall(got.upper())
`;

describe("chaser forward", () => {
  const cli = prepareCli();
  let server: RunningServer;
  let child: ChildProcess;
  let told: { address: string; port: number; session_id: string };

  before(async () => {
    chmodSync(cli.directory, 0o711);
    const dataDirectory = path.join(cli.directory, "data");
    server = await startServer({ dataDirectory, listen: { host: "127.0.0.1", port: 0 } });
    cli.env["CHASER_API_URL"] = server.url;
    cli.env["CHASER_API_KEY"] = server.apiKey;
    await cli.json("workspaces", "create", "--name", "w");
    assert.equal((await cli.run("exec", "w", "--background", "--", "python3", "-c", program)).code, 0);
    const wait = "until (exec 3<>/dev/tcp/127.0.0.1/5432) 2>/dev/null; do sleep 0.05; done";
    assert.equal((await cli.run("exec", "w", "--", "bash", "-c", wait)).code, 0);
    child = cli.start("forward", "w", "5432", "0", "--json");
    told = JSON.parse(String((await once(child.stdout!, "data"))[0])) as typeof told;
  });
  after(async () => {
    child.kill("SIGKILL");
    await server.close();
    cli.remove();
  });

  const open = (): Socket => connect({ port: told.port, host: "127.0.0.1", allowHalfOpen: true });

  it("carries bytes both ways, many at once, and the end of each way", async () => {
    assert.equal(told.address, `127.0.0.1:${told.port}`);
    const text = "a".repeat(3_000_000);
    const answers = ["b", "c", text].map(async (sent) => {
      const socket = open();
      socket.end(sent);
      return String(Buffer.concat(await socket.toArray()));
    });
    assert.deepEqual(await Promise.all(answers), ["hello B", "hello C", `hello ${text.toUpperCase()}`]);
  });

  it("refuses what is no port, or taken here", async () => {
    for (const args of [["0"], ["5432", "65536"]])
      assert.equal((await cli.run("forward", "w", ...args)).code, 2, args.join(" "));
    const { code, stderr } = await cli.run("forward", "w", "5432", String(told.port));
    assert.equal(code, 4);
    assert.match(stderr, /cannot listen on 127\.0\.0\.1/);
    assert.equal((await cli.run("forward", "nobody", "5432", "0")).code, 3);
  });

  it("resets a connection when the session ends, tells why another cannot be, and ends with Ctrl-C", async () => {
    const outcome = outcomeOf(child);
    const held = open();
    await once(held, "data");
    const reset = once(held, "end").then(
      () => "ended",
      (error: NodeJS.ErrnoException) => error.code,
    );
    assert.equal((await cli.run("sessions", "stop", told.session_id)).code, 0);
    assert.equal(await reset, "ECONNRESET");
    const [error] = (await once(open().resume(), "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET");
    child.kill("SIGINT");
    const { code, stderr } = await outcome;
    assert.equal(code, 0);
    assert.match(stderr, /no active session/);
  });
});
