import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import { promisify } from "node:util";
import { serveUpgrades } from "../src/serve-upgrades.js";

const handshake = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

const longBytes = 8 * 1024 * 1024;

describe("what is refused another protocol", () => {
  const server: Server = createServer();
  let pulledBytes = 0;
  const upgrades = serveUpgrades(server, (request) => {
    if (new URL(request.url).pathname !== "/long") return new Response("refused", { status: 401 });
    return new Response(
      new ReadableStream({
        type: "bytes",
        pull: (controller) => {
          const chunk = new Uint8Array(64 * 1024);
          pulledBytes += chunk.length;
          controller.enqueue(chunk);
          if (pulledBytes >= longBytes) controller.close();
        },
      }),
    );
  });
  before(() => new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening)));
  after(() => {
    upgrades.close();
    server.close();
  });

  /** A client that never ends its own side. */
  function client(): Socket {
    const { port } = server.address() as AddressInfo;
    return connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  }

  async function noConnections(): Promise<void> {
    while ((await promisify(server.getConnections.bind(server))()) > 0) await later(20);
  }

  for (const [what, more] of [
    ["that sends more and leaves", "x"],
    ["that stays", ""],
  ] as const)
    test(
      `a client ${what} gets the answer whole, and its connection is closed`,
      { timeout: 30_000 },
      async () => {
        const socket = client();
        let answer = "";
        socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
        socket.write(handshake("/") + more);
        await once(socket, "end");
        assert.match(answer, /^HTTP\/1.1 401 .*connection: close.*\r\n\r\nrefused$/s);
        if (more !== "") socket.destroy();
        await noConnections();
        socket.destroy();
      },
    );

  test("an answer is read as fast as the client takes it, and no longer than it stays", async () => {
    const socket = client();
    socket.write(handshake("/long"));
    await once(socket, "readable");
    let before = -1;
    while (pulledBytes > before) {
      before = pulledBytes;
      await later(100);
    }
    assert.ok(pulledBytes < longBytes, `${pulledBytes} bytes are held for a client that reads nothing`);
    socket.destroy();
    await noConnections();
  });
});
