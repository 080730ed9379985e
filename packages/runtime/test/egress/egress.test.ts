import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, request } from "node:http";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { describe, it } from "node:test";
import { egressProxy, judgeByRules, type EgressPolicy } from "../../src/egress/proxy.js";
import { EGRESS_CONNECTIONS_MAX } from "../../src/limits.js";
import { noSandbox } from "../support/available.js";
import { openDescriptors, eventually } from "../support/host.js";
import { Fixture, runIn } from "../support/fixture.js";

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function listening<Listener extends Server>(server: Listener): Promise<Listener> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** A proxy to which a name server that changes its mind is all there is; the loopback counts as a public address. */
async function proxyWith(policy: Partial<EgressPolicy>): Promise<Server> {
  return listening(
    egressProxy({
      judge: judgeByRules({
        rules: [],
        lookup: () => Promise.resolve("127.0.0.1"),
        isClosed: (address) => address !== "127.0.0.1",
        ...policy,
      }),
    }),
  );
}

/** Sends text and gives all that comes back. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
    socket.once("error", reject);
    socket.once("close", () => {
      resolve(answer);
    });
  });
}

describe("the egress proxy", () => {
  it("passes a tunnel on to an allowed host, both ways, and its end", async () => {
    const echo = await listening(
      createServer((socket) => socket.once("data", (chunk) => socket.end(`got ${chunk.toString()}`))),
    );
    const proxy = await proxyWith({ rules: [{ host: "echo.example", port: portOf(echo) }] });
    const answer = await exchange(
      portOf(proxy),
      `CONNECT echo.example:${String(portOf(echo))} HTTP/1.1\r\n\r\nhello`,
    );
    assert.match(answer, /^HTTP\/1\.1 200 [^\n]*\r\n\r\ngot hello$/);
    for (const server of [echo, proxy]) server.close();
  });

  it("passes a plain request on, with the name it was for and nothing that was for the proxy", async () => {
    let seen: unknown;
    const web = await listening(
      createHttpServer((message, answer) => {
        seen = [
          message.url,
          message.headers.host,
          message.headers["proxy-authorization"],
          message.headers["x-own"],
        ];
        answer.end("page");
      }),
    );
    const authority = `web.example:${String(portOf(web))}`;
    const proxy = await proxyWith({ rules: [{ host: "web.example", port: portOf(web) }] });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(
        {
          port: portOf(proxy),
          path: `http://${authority}/a?b=c`,
          headers: { "proxy-authorization": "secret", "x-own": "kept", host: "other.example" },
          agent: false,
        },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        },
      );
      sent.once("error", reject);
      sent.end();
    });
    assert.equal(status, 200);
    assert.deepEqual(seen, ["/a?b=c", authority, undefined, "kept"]);
    for (const server of [web, proxy]) server.close();
  });

  it("refuses whatever is not on the list, and says so", async () => {
    let connections = 0;
    const target = await listening(createServer((socket) => (connections++, socket.destroy())));
    const port = String(portOf(target));
    const proxy = await proxyWith({ rules: [{ host: "allowed.example", port: portOf(target) }] });
    for (const authority of [
      `other.example:${port}`,
      "allowed.example:1",
      `127.0.0.1:${port}`,
      `[::1]:${port}`,
      `2130706433:${port}`,
      `allowed.example@127.0.0.1:${port}`,
      `allowed.example:${port}:${port}`,
      "allowed.example",
    ]) {
      assert.match(
        await exchange(portOf(proxy), `CONNECT ${authority} HTTP/1.1\r\n\r\n`),
        /^HTTP\/1\.1 40[03] /,
        authority,
      );
    }
    for (const url of [
      `http://127.0.0.1:${port}/`,
      "/",
      `https://allowed.example:${port}/`,
      `http://allowed.example@127.0.0.1:${port}/`,
    ]) {
      const answer = await exchange(
        portOf(proxy),
        `GET ${url} HTTP/1.1\r\nhost: allowed.example\r\nconnection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 40[03] /, url);
    }
    assert.equal(connections, 0);
    for (const server of [target, proxy]) server.close();
  });

  it("passes on that an answer broke off", async () => {
    const web = await listening(
      createHttpServer((_message, answer) => {
        answer.writeHead(200, { "content-length": "10" }).write("half", () => answer.destroy());
      }),
    );
    const proxy = await proxyWith({ rules: [{ host: "web.example", port: portOf(web) }] });
    const answer = await exchange(
      portOf(proxy),
      `GET http://web.example:${String(portOf(web))}/ HTTP/1.1\r\nhost: web.example\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 200 [^]*half$/);
    for (const server of [web, proxy]) server.close();
  });

  it("refuses answers that cannot be passed on, and lives", async () => {
    let answer = "";
    const odd = await listening(createServer((socket) => socket.once("data", () => socket.end(answer))));
    const proxy = await proxyWith({ rules: [{ host: "odd.example", port: portOf(odd) }] });
    for (const head of [
      "HTTP/1.1 099 Odd\r\ncontent-length: 0",
      "HTTP/1.1 000 Odd\r\ncontent-length: 0",
      "HTTP/1.1 200 OK\r\ncontent-length: 0\r\ntrailer: a",
      "HTTP/1.1 101 Odd\r\nconnection: upgrade\r\nupgrade: odd",
      "no head at all",
    ]) {
      answer = `${head}\r\n\r\n`;
      assert.match(
        await exchange(
          portOf(proxy),
          `GET http://odd.example:${String(portOf(odd))}/ HTTP/1.1\r\nhost: odd.example\r\n\r\n`,
        ),
        /^HTTP\/1\.1 502 /,
        head,
      );
    }
    for (const server of [odd, proxy]) server.close();
  });

  it("asks nobody for a client that left while the name was looked up", async () => {
    let connections = 0;
    const web = await listening(createServer((socket) => (connections++, socket.destroy())));
    const lookups: ((answer: Promise<string>) => void)[] = [];
    const proxy = await proxyWith({
      rules: [{ host: "web.example", port: portOf(web) }],
      lookup: () => new Promise((resolve) => lookups.push(resolve)),
    });
    const line = `GET http://web.example:${String(portOf(web))}/ HTTP/1.1\r\nhost: web.example\r\n\r\n`;
    for (const answer of [
      () => Promise.resolve("127.0.0.1"),
      () => Promise.reject(new Error("no such name")),
    ]) {
      const left = once(proxy, "connection").then(([socket]) => once(socket as Socket, "close"));
      const client = connect(portOf(proxy), "127.0.0.1", () => client.write(line));
      assert.ok(await eventually(() => lookups.length > 0));
      client.destroy();
      await left;
      lookups.pop()?.(answer());
    }
    assert.match(
      await exchange(portOf(proxy), "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
      /^HTTP\/1\.1 400 /,
    );
    assert.equal(connections, 0);
    for (const server of [web, proxy]) server.close();
  });

  it("judges the address that it connects to, and asks for it once", async () => {
    const target = await listening(createServer((socket) => socket.end("in")));
    const rules = [{ host: "rebound.example", port: portOf(target) }];
    const answers = ["127.0.0.1", "169.254.169.254"];
    let asked = 0;
    const proxy = await proxyWith({ rules, lookup: () => Promise.resolve(answers[asked++] ?? "10.0.0.1") });
    const line = `CONNECT rebound.example:${String(portOf(target))} HTTP/1.1\r\n\r\n`;
    assert.match(await exchange(portOf(proxy), line), /^HTTP\/1\.1 200 [^\n]*\r\n\r\nin$/);
    assert.equal(asked, 1);
    assert.match(await exchange(portOf(proxy), line), /^HTTP\/1\.1 403 [^]*169\.254\.169\.254/);
    for (const server of [target, proxy]) server.close();
  });
});

const TO_PROXY = `use IO::Socket::INET; my ($to, $line) = @ARGV;
my $s = IO::Socket::INET->new(PeerAddr => $to, Timeout => 5) or do { print "no connection: $@"; exit };
print $s "$line\\r\\n\\r\\n"; local $/; print <$s>;`;

/** Whether the last of so many connections is answered, and then the first: they are taken in their order. */
const MANY_CONNECTIONS = `use IO::Socket::INET; $SIG{PIPE} = "IGNORE";
my @all = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:3128", Timeout => 5) } 0 .. ${String(EGRESS_CONNECTIONS_MAX)};
for my $s ($all[-1], $all[0]) {
  print $s "GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n"; $s->flush; my $line = <$s>; print defined $line ? "answered " : "closed ";
}`;

describe("a session with an allow-list", { skip: noSandbox }, () => {
  it("reaches the proxy and nothing else, and leaves nothing", async () => {
    await using fixture = await Fixture.open();
    let connections = 0;
    const target = await listening(createServer((socket) => (connections++, socket.destroy())));
    const port = portOf(target);
    const before = openDescriptors();
    const session = await fixture.session({ network: "nat", egress: [{ host: "localhost", port }] });
    const ask = async (to: string, line: string): Promise<string> =>
      (await runIn(session, ["perl", "-e", TO_PROXY, to, line])).text;
    const proxy = "127.0.0.1:3128";
    assert.match(
      await ask(proxy, `CONNECT other.example:${String(port)} HTTP/1.1`),
      /403 [^]*not on the list/,
    );
    assert.match(
      await ask(proxy, `CONNECT localhost:${String(port)} HTTP/1.1`),
      /403 [^]*127\.0\.0\.1, an address that sandboxes never reach/,
    );
    assert.match(await ask(`127.0.0.1:${String(port)}`, "x"), /refused/);
    assert.match(await ask("8.8.8.8:53", "x"), /unreachable/i);
    assert.equal(
      (await runIn(session, "grep -c : /proc/net/dev")).text,
      "1\n",
      "a loopback and nothing else",
    );
    assert.equal((await runIn(session, 'echo "$HTTPS_PROXY"')).text, "http://127.0.0.1:3128\n");
    assert.equal(connections, 0);
    await session.end();
    assert.ok(await eventually(() => openDescriptors() <= before), "no socket is left");
    target.close();
  });

  it("has so many connections at once and no more", async () => {
    await using fixture = await Fixture.open();
    const session = await fixture.session({ network: "nat", egress: [] });
    assert.equal((await runIn(session, ["perl", "-e", MANY_CONNECTIONS])).text, "closed answered ");
  });

  it("is refused where it would not hold", async () => {
    await using fixture = await Fixture.open();
    await assert.rejects(fixture.session({ egress: [] }), { code: "invalid_argument" });
    await assert.rejects(fixture.session({ network: "nat", egress: [{ host: "*", port: 1 }] }), {
      code: "invalid_argument",
    });
  });
});
