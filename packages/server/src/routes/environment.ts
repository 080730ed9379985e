import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpBindings } from "@hono/node-server";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context as RequestContext } from "hono";
import type { WebSocketServer } from "ws";
import type { Principal } from "../auth/keys.js";

/** What a route does with a connection that asks to speak another protocol. */
export type TakeOver = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  sockets: WebSocketServer,
) => void;

/** Travels with such a request, in its bindings. A route that takes the connection over fills it in. */
export interface UpgradeRequest {
  readonly socket: Duplex;
  takeOver?: TakeOver;
}

/** What travels with a request through the middleware. */
export interface Environment {
  /** Absent in tests that call the app without a socket. `upgrade` only where another protocol is asked for. */
  Bindings: Partial<HttpBindings> & { upgrade?: UpgradeRequest };
  Variables: {
    requestId: string;
    /** Set on everything under /v1. */
    principal: Principal;
    /** What the audit log calls the change that the route makes. */
    auditAction?: string | undefined;
    /** What the change was made to. */
    auditTarget?: string;
  };
}

export type App = OpenAPIHono<Environment>;
export type Request = RequestContext<Environment>;

/** The raw request below, or undefined when the app is called without a socket, and then without bindings too. */
export function incoming(c: Request): IncomingMessage | undefined {
  return (c.env as Environment["Bindings"] | undefined)?.incoming;
}

/** Set when the request asks for another protocol. */
export function upgradeOf(c: Request): UpgradeRequest | undefined {
  return (c.env as Environment["Bindings"] | undefined)?.upgrade;
}
