/** WebSockets on the API: a handshake goes through the same middleware, guards and schemas as any other request. */
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { ServerError } from "../errors.js";
import { webSocketPingMs, webSocketUnansweredPingsMax } from "../limits.js";
import { upgradeOf, type Request, type TakeOver, type UpgradeRequest } from "./environment.js";

/** Among the protocols that a caller offers; see `offeredKey`. */
const keyProtocolPrefix = "chaser.key.";

/** Code `upgrade_required`. For a route that must do something before it accepts. */
export function requireUpgrade(c: Request): UpgradeRequest {
  const upgrade = upgradeOf(c);
  if (upgrade !== undefined) return upgrade;
  throw new ServerError("upgrade_required", "this route speaks WebSocket only", {
    suggestion: "send the headers of a WebSocket handshake",
  });
}

/** Calls `closed` once when the connection is gone, however far it got. */
export function whenConnectionCloses(c: Request, closed: () => void): void {
  const { socket } = requireUpgrade(c);
  if (socket.destroyed) closed();
  else socket.once("close", closed);
}

/**
 * Answers the handshake once the middleware is through, and hands the open socket over. Codes `upgrade_required` when
 * the caller asked for no WebSocket, `forbidden` when a page of another origin did.
 */
export function acceptWebSocket(c: Request, handler: (socket: WebSocket) => void): Response {
  return takeConnection(c, (request, socket, head, sockets) => {
    sockets.handleUpgrade(request, socket, head, (opened) => {
      // Whoever sends what the protocol does not allow has the connection closed, which is all there is to do.
      opened.on("error", () => undefined);
      endWhenSilent(opened, request.socket);
      handler(opened);
    });
  });
}

/** Hands the bare connection over, with the handshake still to be answered. Codes as for `acceptWebSocket`. */
export function takeConnection(c: Request, takeOver: TakeOver): Response {
  const upgrade = requireUpgrade(c);
  refuseOtherOrigin(c);
  upgrade.takeOver = takeOver;
  // Never sent: the handshake is answered on the connection itself. Its status is what log and audit see.
  return new Response(null, { status: 204 });
}

/** A browser cannot set headers on a WebSocket, but it can offer protocols: `chaser`, which is spoken, and `chaser.key.sk_...`. */
export function offeredKey(c: Request): string | undefined {
  if (upgradeOf(c) === undefined) return undefined;
  const offered = (c.req.header("Sec-WebSocket-Protocol") ?? "").split(",").map((name) => name.trim());
  const key = offered.find((name) => name.startsWith(keyProtocolPrefix));
  return key === undefined ? undefined : `Bearer ${key.slice(keyProtocolPrefix.length)}`;
}

/** Only browsers send an origin. A page from elsewhere must not reach a server on the visitor's own machine. */
export function refuseOtherOrigin(c: Request): void {
  const origin = c.req.header("Origin");
  if (origin === undefined) return;
  const host = c.req.header("Host");
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new ServerError("forbidden", "a WebSocket from a page of another origin is refused");
}

/**
 * A peer that vanished without a word would hold the connection for ever. Whether its machine still answers is asked by the kernel: a
 * program that is slow to read what was sent, and one that is not read here because what it sends finds no taker, answer no ping either.
 * They are given longer.
 */
export function endWhenSilent(socket: WebSocket, connection: Pick<Socket, "setKeepAlive">): void {
  connection.setKeepAlive(true, webSocketPingMs);
  let unanswered = 0;
  socket.on("pong", () => (unanswered = 0));
  const timer = setInterval(() => {
    if (unanswered === webSocketUnansweredPingsMax) return socket.terminate();
    unanswered += 1;
    socket.ping();
  }, webSocketPingMs);
  socket.once("close", () => clearInterval(timer));
}
