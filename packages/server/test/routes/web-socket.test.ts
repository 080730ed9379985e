import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket, WebSocketServer } from "ws";
import { webSocketPingMs, webSocketUnansweredPingsMax } from "../../src/limits.js";
import { endWhenSilent } from "../../src/routes/web-socket.js";

describe("a WebSocket over which nothing comes", () => {
  let server: Server;
  let accepting: WebSocketServer;
  before(async () => {
    server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    accepting = new WebSocketServer({ server });
  });
  after(() => {
    accepting.close();
    server.close();
  });

  /** Both ends of a connection that is watched, and what lets the time of a ping pass. */
  async function connect(t: TestContext) {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => client.terminate());
    const [socket, request] = (await once(accepting, "connection")) as [WebSocket, { socket: never }];
    endWhenSilent(socket, request.socket);
    await once(client, "open");
    return { client, socket, tick: () => t.mock.timers.tick(webSocketPingMs) };
  }

  it("stays while the peer does not read, and is cut when that takes long", async (t) => {
    const { client, socket, tick } = await connect(t);
    client.pause();
    for (let ping = 0; ping < webSocketUnansweredPingsMax; ping++) tick();
    await delay(10);
    assert.equal(socket.readyState, WebSocket.OPEN);
    tick();
    await once(socket, "close");
  });

  it("stays for ever where pings are answered", async (t) => {
    const { socket, tick } = await connect(t);
    for (let ping = 0; ping < webSocketUnansweredPingsMax + 2; ping++) {
      tick();
      await once(socket, "pong");
    }
    assert.equal(socket.readyState, WebSocket.OPEN);
  });
});
