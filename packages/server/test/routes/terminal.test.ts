import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { WebSocket, type ClientOptions } from "ws";
import { sandboxMissing, testServer, type Client, type TestServer } from "../fixture/server.js";

/** A client of a terminal that remembers what it was told. */
class Viewer {
  shown = "";
  readonly told: any[] = [];
  readonly closed: Promise<number>;

  constructor(readonly socket: WebSocket) {
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) this.shown += data.toString();
      else this.told.push(JSON.parse(data.toString()));
    });
    this.closed = once(socket, "close").then(([code]) => code as number);
  }

  type(text: string): void {
    this.socket.send(Buffer.from(text));
  }

  async until(text: string | RegExp): Promise<void> {
    while (typeof text === "string" ? !this.shown.includes(text) : !text.test(this.shown))
      await once(this.socket, "message", { signal: AbortSignal.timeout(20_000) }).catch(() =>
        assert.fail(`${String(text)} is not in ${JSON.stringify(this.shown)}`),
      );
  }
}

describe("a terminal", { skip: await sandboxMissing() }, () => {
  let server: Client & TestServer;
  let session: string;
  before(async () => {
    server = await testServer();
    session = (
      await server.expect<any>(201, "POST", "/v1/sessions", { session_type: "sandbox", ephemeral: true })
    ).id;
  });
  after(() => server[Symbol.asyncDispose]());

  const url = (query: string): string =>
    `${server.url.replace("http", "ws")}/v1/sessions/${session}/pty?${query}`;
  const open = async (query: string, key = server.key): Promise<Viewer> => {
    const socket = new WebSocket(url(query), { headers: { authorization: `Bearer ${key}` } });
    const viewer = new Viewer(socket);
    await once(socket, "message");
    return viewer;
  };
  const refused = async (
    query: string,
    options: ClientOptions,
    protocols: string[] = [],
  ): Promise<[number, string]> => {
    const socket = new WebSocket(url(query), protocols, options);
    const [, response] = await once(socket, "unexpected-response");
    let text = "";
    for await (const chunk of response) text += chunk;
    return [response.statusCode, JSON.parse(text).error.code];
  };

  test("types, resizes, and says how the shell ended", async () => {
    const viewer = await open("columns=90&rows=20");
    assert.deepEqual(
      [viewer.told[0].type, viewer.told[0].columns, viewer.told[0].rows],
      ["attached", 90, 20],
    );
    viewer.type("stty size; echo $TERM\r");
    await viewer.until(/20 90\r\nxterm-256color/);
    viewer.socket.send(JSON.stringify({ type: "resize", columns: 61, rows: 11 }));
    viewer.type("stty size\r");
    await viewer.until("11 61");
    viewer.type("exit 7\r");
    assert.equal(await viewer.closed, 1000);
    assert.deepEqual(viewer.told.at(-1), { type: "exit", exit_code: 7, signal: null, timed_out: false });
  });

  test("goes on without anyone, and shows what was missed to all who come back", async () => {
    const first = await open("mode=exec&command=cat");
    const { pty_id: id } = first.told[0];
    first.type("before\r");
    await first.until("before\r\nbefore\r\n");
    first.socket.terminate();
    await first.closed;
    const viewers = await Promise.all([open(`pty_id=${id}`), open(`pty_id=${id}`)]);
    for (const viewer of viewers) await viewer.until("before\r\nbefore\r\n");
    viewers[0].type("again\r");
    for (const viewer of viewers) await viewer.until("again\r\nagain\r\n");
    const [listed] = await server.expect<any[]>(200, "GET", `/v1/sessions/${session}/commands`);
    assert.deepEqual(
      [listed.id, listed.kind, listed.command, listed.status],
      [id, "terminal", "cat", "running"],
    );
    viewers[1].type("\x04");
    assert.deepEqual(await Promise.all(viewers.map(({ closed }) => closed)), [1000, 1000]);
    assert.equal(viewers[0].told.at(-1).exit_code, 0);
    const late = await open(`pty_id=${id}`);
    assert.equal(await late.closed, 1000);
    assert.match(late.shown, /^before\r\nbefore\r\nagain/);
  });

  test("is plain for programs", async () => {
    const viewer = await open("mode=agent");
    viewer.type("echo $TERM $NO_COLOR; git --version >/dev/null; tty\r");
    await viewer.until(/dumb 1\r\n\/dev/);
    assert.ok(!viewer.shown.includes("\x1b["), JSON.stringify(viewer.shown));
    viewer.socket.send(JSON.stringify({ type: "signal", signal: "SIGKILL" }));
    await viewer.closed;
    assert.equal(viewer.told.at(-1).signal, "SIGKILL");
  });

  test("takes a large paste whole and in order", async () => {
    const viewer = await open(
      "mode=exec&command=" + encodeURIComponent("stty raw -echo; echo go; head -c 3000000 | sha256sum"),
    );
    await viewer.until("go");
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) % 256));
    const { createHash } = await import("node:crypto");
    for (let at = 0; at < bytes.length; at += 500_000) viewer.socket.send(bytes.subarray(at, at + 500_000));
    await viewer.until(createHash("sha256").update(bytes).digest("hex"));
    await viewer.closed;
  });

  test("answers nonsense with an error and goes on", async () => {
    const viewer = await open("mode=exec&command=cat");
    for (const text of ["{", '{"type":"resize","columns":0,"rows":1}', '{"type":"signal","signal":"SIGX"}'])
      viewer.socket.send(text);
    viewer.type("still\r");
    await viewer.until("still\r\nstill\r\n");
    assert.deepEqual(
      viewer.told.slice(1).map(({ error }) => error.code),
      Array(3).fill("invalid_request"),
    );
    viewer.socket.send(Buffer.alloc(2 << 20));
    assert.equal(await viewer.closed, 1009);
  });

  test("is refused like any other request, with the reason", async () => {
    const good = { headers: { authorization: `Bearer ${server.key}` } };
    assert.deepEqual(await refused("", {}), [401, "unauthorized"]);
    assert.deepEqual(await refused("mode=exec", good), [400, "invalid_request"]);
    assert.deepEqual(await refused("columns=0", good), [400, "invalid_request"]);
    assert.deepEqual(await refused("pty_id=nothing", good), [404, "not_found"]);
    assert.deepEqual(await refused("", { ...good, origin: "https://elsewhere.example" }), [403, "forbidden"]);
    await server.refused(426, "upgrade_required", "GET", `/v1/sessions/${session}/pty`);
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.write("GET /v1/accounts HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    assert.match(answer, /^HTTP\/1\.1 400 /);
  });

  test("takes the key of a browser as a protocol, from a page of the server's own", async () => {
    const socket = new WebSocket(url("mode=exec&command=true"), ["chaser", `chaser.key.${server.key}`], {
      origin: server.url,
    });
    const viewer = new Viewer(socket);
    assert.equal(await viewer.closed, 1000);
    assert.equal(socket.protocol, "chaser");
  });

  test("ends with its session", async () => {
    const other = await server.expect<any>(201, "POST", "/v1/sessions", {
      session_type: "sandbox",
      ephemeral: true,
    });
    const socket = new WebSocket(url("").replace(session, other.id), {
      headers: { authorization: `Bearer ${server.key}` },
    });
    const viewer = new Viewer(socket);
    await once(socket, "open");
    // One whose shell has not begun ends with an error.
    viewer.type("echo be''gun\r");
    await viewer.until("begun\r\n");
    await server.expect(204, "DELETE", `/v1/sessions/${other.id}`);
    await viewer.closed;
    assert.equal(viewer.told.at(-1).signal, "SIGKILL", JSON.stringify(viewer.told));
  });
});
