import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { secondAccount } from "../fixture/second-account.js";
import { sandboxMissing, testServer, type Client, type TestServer } from "../fixture/server.js";

const port = 8080;

/** A program inside: tells what it was asked, echoes, holds answers open, speaks WebSocket as far as an echo needs. */
const program = `
import hashlib, base64, http.server, json, socketserver, struct
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while True:
                size = int(self.rfile.readline(), 16)
                piece = self.rfile.read(size); self.rfile.readline()
                if size == 0: return
                yield piece
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            piece = self.rfile.read(min(left, 65536)); left -= len(piece)
            yield piece
    def do_GET(self):
        if self.headers.get("Upgrade"): return self.web_socket()
        if self.path == "/until-closed":
            self.send_response(200); self.send_header("Connection", "close"); self.end_headers()
            self.wfile.write(b"first"); self.wfile.flush()
            self.rfile.read(1)
            open("/tmp/left", "w").close()
            return
        if self.path == "/body": return self.do_POST()
        if self.path == "/unasked": self.send_response(101); self.send_header("Upgrade", "x"); self.send_header("Connection", "Upgrade"); self.end_headers(); return
        if self.path == "/nothing": self.send_response(204); self.end_headers(); return
        said = json.dumps({"path": self.path, "headers": [[n, v] for n, v in self.headers.items()]}).encode()
        self.send_response(200)
        for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(said))),
            ("Set-Cookie", "a=b"), ("X-Request-Id", "forged"), ("X-Chaser-Account", "forged"), ("Clear-Site-Data", "*"),
            ("Content-Security-Policy", "default-src 'self'"), ("X-Own", "one"), ("X-Own", "two")]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD": self.wfile.write(said)
    do_HEAD = do_GET
    def do_POST(self):
        self.send_response(201); self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
        for piece in self.body():
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(piece), piece)); self.wfile.flush()
        self.wfile.write(b"0\\r\\n\\r\\n")
    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST
    def web_socket(self):
        if self.path == "/refused": self.send_error(403); return
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101); self.send_header("Upgrade", "websocket"); self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        said = json.dumps([[n, v] for n, v in self.headers.items()]).encode()
        self.wfile.write(b"\\x81\\x7e" + struct.pack(">H", len(said)) + said); self.wfile.flush()
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8: return
            size = head[1] & 127
            mask = self.rfile.read(4); data = self.rfile.read(size)
            self.wfile.write(bytes([head[0], size]) + bytes(b ^ mask[i % 4] for i, b in enumerate(data))); self.wfile.flush()
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
Server(("127.0.0.1", ${port}), Handler).serve_forever()
`;

/** Takes all that it is sent, and answers once that has ended. */
const sum = `
import contextlib, hashlib, socket
listener = socket.create_server(("::1", 9000), family=socket.AF_INET6)
while True:
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        connection.sendall(b"ready ")
        seen = hashlib.sha256()
        while piece := connection.recv(65536): seen.update(piece)
        connection.sendall(seen.hexdigest().encode())
`;

describe("a port inside a session", { skip: await sandboxMissing() }, () => {
  let server: Client & TestServer;
  let session: string;
  before(async () => {
    server = await testServer();
    session = await start(server);
  });
  after(() => server[Symbol.asyncDispose]());

  async function start(client: Client): Promise<string> {
    const body = { session_type: "sandbox", ephemeral: true };
    const { id } = await client.expect<any>(201, "POST", "/v1/sessions", body);
    for (const text of [program, sum])
      await client.expect<any>(200, "POST", `/v1/sessions/${id}/exec`, {
        command: ["python3", "-c", text],
        background: true,
      });
    await run(
      id,
      "until (exec 3<>/dev/tcp/127.0.0.1/8080 && exec 3<>/dev/tcp/::1/9000) 2>/dev/null; do sleep 0.05; done",
    );
    return id;
  }
  async function run(id: string, line: string): Promise<any> {
    const body = { command: ["bash", "-c", line], timeout_ms: 20_000 };
    const result = await server.expect<any>(200, "POST", `/v1/sessions/${id}/exec`, body);
    assert.equal(result.exit_code, 0, JSON.stringify(result));
    return result;
  }
  const at = (path: string, id = session): string => `${server.url}/s/${id}/forward/${port}${path}`;
  const auth = (): Record<string, string> => ({ authorization: `Bearer ${server.key}` });
  const webSocketAt = (path: string, protocols: string[], headers: Record<string, string>): WebSocket =>
    new WebSocket(`${server.url.replace("http", "ws")}${path}`, protocols, { headers });
  /** Sends a request and gives the head of the answer. */
  async function begin(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
    const sent = request(url, { headers: { ...auth(), ...headers } });
    sent.end();
    return (await once(sent, "response"))[0] as IncomingMessage;
  }

  test("is asked with its own path and host, and never learns a key", async () => {
    const answer = await begin(at("/a/b?c=%20d"), {
      cookie: "session=secret",
      "x-chaser-account": "personal",
      "x-forwarded-for": "forged",
      connection: "close, x-hop",
      "x-hop": "for the server alone",
      "x-own": "kept",
    });
    assert.equal(answer.statusCode, 200);
    const said = JSON.parse(String(Buffer.concat(await answer.toArray()))) as {
      path: string;
      headers: [string, string][];
    };
    assert.equal(said.path, "/a/b?c=%20d");
    const headers = Object.fromEntries(said.headers.map(([name, value]) => [name.toLowerCase(), value]));
    assert.equal(headers["host"], `localhost:${port}`);
    assert.equal(headers["x-own"], "kept");
    assert.equal(headers["x-forwarded-for"], "127.0.0.1");
    assert.equal(headers["x-forwarded-host"], new URL(server.url).host);
    assert.equal(headers["x-forwarded-prefix"], `/s/${session}/forward/${port}`);
    assert.ok(!JSON.stringify(said).includes(server.key.slice(3)));
    for (const name of ["authorization", "cookie", "x-chaser-account", "x-hop"])
      assert.ok(!(name in headers), name);
    assert.equal(JSON.parse(await (await fetch(at(""), { headers: auth() })).text()).path, "/");
  });

  test("cannot speak for the address that it shares with the API", async () => {
    const { headers } = await fetch(at("/"), { headers: auth() });
    for (const name of ["set-cookie", "clear-site-data", "x-chaser-account"])
      assert.equal(headers.get(name), null);
    assert.equal(headers.get("content-security-policy"), "default-src 'self', sandbox");
    assert.match(headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(headers.get("x-own"), "one, two");
  });

  test("takes and gives large bodies, with any method", async () => {
    const body = randomBytes(5 * 1024 * 1024);
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const response = await fetch(at("/"), { method, headers: auth(), body });
      assert.equal(response.status, 201, method);
      assert.ok(Buffer.from(await response.arrayBuffer()).equals(body), method);
    }
    assert.equal((await fetch(at("/nothing"), { headers: auth() })).status, 204);
    const head = await fetch(at("/"), { method: "HEAD", headers: auth() });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
  });

  test(
    "gets each body as one, whatever the method and however its length is said",
    { timeout: 60_000 },
    async () => {
      const body = "GET /smuggled HTTP/1.1\r\nHost: inside\r\n\r\n";
      for (const method of ["GET", "DELETE", "OPTIONS", "POST"])
        for (const framing of [{ "transfer-encoding": "chunked" }, { "content-length": body.length }]) {
          const sent = request(at("/body"), { method, headers: { ...auth(), ...framing } });
          sent.end(body);
          const [answer] = (await once(sent, "response")) as [IncomingMessage];
          const what = `${method} ${JSON.stringify(framing)}`;
          assert.equal(answer.statusCode, 201, what);
          assert.equal(String(Buffer.concat(await answer.toArray())), body, what);
        }
    },
  );

  test("cannot change the protocol unasked", async () => {
    const response = await fetch(at("/unasked"), { headers: auth() });
    assert.equal(response.status, 502);
    assert.equal(((await response.json()) as any).error.code, "port_closed");
  });

  test("answers before a body has ended", async () => {
    const sent = request(at("/"), { method: "POST", headers: auth() });
    sent.write("one");
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    assert.equal(String((await once(answer, "data"))[0]), "one");
    sent.write("two");
    assert.equal(String((await once(answer, "data"))[0]), "two");
    sent.end();
    answer.resume();
    await once(answer, "end");
  });

  test("speaks WebSocket, to a browser with its key among the protocols, too", async () => {
    for (const [protocols, headers] of [
      [[], auth()],
      [["chaser", `chaser.key.${server.key}`], {}],
    ] as const) {
      const socket = webSocketAt(`/s/${session}/forward/${port}/socket`, [...protocols], { ...headers });
      const [told] = (await once(socket, "message")) as [Buffer];
      assert.ok(!told.includes(server.key.slice(3)), told.toString());
      assert.ok(!/authorization|sec-websocket-protocol/i.test(told.toString()));
      socket.send("hello");
      assert.equal(String((await once(socket, "message"))[0]), "hello");
      assert.equal(socket.protocol, protocols.length === 0 ? "" : "chaser");
      socket.close();
      await once(socket, "close");
    }
    for (const [path, headers, status] of [
      ["/refused", auth(), 403],
      ["/socket", {}, 401],
      ["/socket", { ...auth(), origin: "http://elsewhere.example" }, 403],
    ] as const) {
      const socket = webSocketAt(`/s/${session}/forward/${port}${path}`, [], { ...headers });
      const [, response] = await once(socket, "unexpected-response");
      assert.equal(response.statusCode, status);
      response.destroy();
    }
  });

  test("is a TCP connection, each way ending on its own, also where only ::1 is listened on", async () => {
    const socket = webSocketAt(`/v1/sessions/${session}/tcp/9000`, [], auth());
    const closed = once(socket, "close");
    const messages: Buffer[] = [];
    socket.on("message", (data: Buffer) => messages.push(data));
    await once(socket, "open");
    const bytes = randomBytes(5 * 1024 * 1024);
    for (let from = 0; from < bytes.length; from += 100_000)
      socket.send(bytes.subarray(from, from + 100_000));
    socket.send(Buffer.alloc(0));
    assert.equal((await closed)[0], 1000);
    const digest = createHash("sha256").update(bytes).digest("hex");
    assert.equal(Buffer.concat(messages).toString(), `ready ${digest}`);
    assert.equal(messages.at(-1)?.length, 0);
  });

  test("that is closed or none is said to be", async () => {
    const error = await server.refused(502, "port_closed", "GET", `/s/${session}/forward/1/`);
    assert.match(error.suggestion ?? "", /inside the session/);
    await server.refused(502, "port_closed", "GET", `/s/${session}/forward/9000/`);
    for (const wrong of ["0", "65536", "99999999", "x", "-1", "080"])
      await server.refused(400, "invalid_request", "GET", `/s/${session}/forward/${wrong}/`);
    await server.refused(426, "upgrade_required", "GET", `/v1/sessions/${session}/tcp/${port}`);
    const socket = webSocketAt(`/v1/sessions/${session}/tcp/1`, [], auth());
    const [, response] = await once(socket, "unexpected-response");
    assert.equal(response.statusCode, 502);
    response.destroy();
  });

  test("is hidden from other accounts", async () => {
    const other = await secondAccount(server);
    await other.refused(404, "not_found", "GET", `/s/${session}/forward/${port}/`);
    await other.refused(404, "not_found", "POST", `/s/${session}/forward/${port}/`, {});
    const headers = { authorization: `Bearer ${other.key}` };
    for (const path of [`/s/${session}/forward/${port}/socket`, `/v1/sessions/${session}/tcp/${port}`]) {
      const [, response] = await once(webSocketAt(path, [], headers), "unexpected-response");
      assert.equal(response.statusCode, 404);
      response.destroy();
    }
  });

  test("learns that a caller went away", async () => {
    const answer = await begin(at("/until-closed"));
    assert.equal(String((await once(answer, "data"))[0]), "first");
    answer.destroy();
    await run(session, "until [ -e /tmp/left ]; do sleep 0.02; done");
  });

  test("breaks off what is under way when the session ends", async () => {
    const id = await start(server);
    const answer = await begin(at("/until-closed", id));
    const tcp = webSocketAt(`/v1/sessions/${id}/tcp/9000`, [], auth());
    await once(tcp, "message");
    const webSocket = webSocketAt(`/s/${id}/forward/${port}/socket`, [], auth());
    await once(webSocket, "message");
    await once(answer, "data");
    const ends = [once(tcp, "close"), once(webSocket, "close")];
    const broken = once(answer, "end").then(
      () => assert.fail("an answer that broke off looks whole"),
      (error: NodeJS.ErrnoException) => error.code,
    );
    answer.resume();
    await server.expect(204, "DELETE", `/v1/sessions/${id}`);
    assert.equal(await broken, "ECONNRESET");
    const codes = (await Promise.all(ends)).map(([code]) => code);
    assert.deepEqual(codes, [1011, 1006]);
    await server.refused(404, "not_found", "GET", `/s/${id}/forward/${port}/`);
  });
});
