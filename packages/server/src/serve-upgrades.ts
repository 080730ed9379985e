import { STATUS_CODES, type IncomingMessage, type Server } from "node:http";
import { Readable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { WebSocketServer } from "ws";
import { refusedLingerMs, webSocketMessageBytesMax } from "./limits.js";
import type { Environment, UpgradeRequest } from "./routes/environment.js";

/** Chosen when a caller offers protocols, as a browser does that has to send its key as one. */
const protocolName = "chaser";

export interface Upgrades {
  /** Cuts every connection that was taken over. */
  close(): void;
}

/** Lets `fetch` serve requests that ask for another protocol, too. */
export function serveUpgrades(
  server: Server,
  fetch: (request: Request, env: Environment["Bindings"]) => Response | Promise<Response>,
): Upgrades {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: webSocketMessageBytesMax,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(protocolName) ? protocolName : false),
  });
  const open = new Set<Duplex>();

  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    void answer(incoming, socket, head).catch(() => socket.destroy());
  });

  async function answer(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const request = asRequest(incoming);
    if (request === null) return writeResponse(socket, new Response(null, { status: 400 }));
    const upgrade: UpgradeRequest = { socket };
    const response = await fetch(request, { incoming, upgrade });
    if (socket.destroyed) return;
    if (upgrade.takeOver === undefined) return writeResponse(socket, response);
    upgrade.takeOver(incoming, socket, head, sockets);
  }

  return {
    close: () => {
      for (const socket of open) socket.destroy();
    },
  };
}

/** Null for what is no WebSocket handshake: nothing else that could be upgraded to is spoken here. */
function asRequest(incoming: IncomingMessage): Request | null {
  const { method, url = "", headers } = incoming;
  if (method !== "GET" || headers.upgrade?.toLowerCase() !== "websocket" || !url.startsWith("/")) return null;
  const given = new Headers();
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) given.set(name, Array.isArray(value) ? value.join(", ") : value);
  return new Request(`http://localhost${url}`, { headers: given });
}

/** The connection goes with the answer: Node has given it away, so nobody else would ever close it. */
async function writeResponse(socket: Duplex, response: Response): Promise<void> {
  const lines = [`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}`];
  response.headers.forEach((value, name) => {
    if (name !== "connection") lines.push(`${name}: ${value}`);
  });
  if (response.body === null) lines.push("content-length: 0");
  lines.push("connection: close", "", "");
  socket.write(Buffer.from(lines.join("\r\n"), "latin1"));
  // Read, or a client that has sent more is never seen to leave, and is reset before it has seen the answer.
  socket.resume();
  await pipeline(response.body === null ? [] : Readable.fromWeb(response.body), socket);
  const cut = setTimeout(() => socket.destroy(), refusedLingerMs);
  socket.once("close", () => clearTimeout(cut));
}
