/** Programs inside a session that listen on a port, reached through this server. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { PassThrough, Readable } from "node:stream";
import type { StatusCode } from "hono/utils/http-status";
import type { Context } from "../context.js";
import { ServerError } from "../errors.js";
import { answerOf, ask, type Asked } from "../forward/answer.js";
import { chosenProtocol, requestHeaders, responseHeaders, type Headers } from "../forward/headers.js";
import { relay } from "../forward/relay.js";
import { forwardedSilenceMs } from "../limits.js";
import { forwardParams, portParams } from "../schemas/forward.js";
import { validationError } from "../schemas/validation.js";
import type { Sessions } from "../sessions/sessions.js";
import { apiRoute, guard } from "./api-route.js";
import { incoming, upgradeOf, type App, type Environment, type Request } from "./environment.js";
import {
  acceptWebSocket,
  refuseOtherOrigin,
  requireUpgrade,
  takeConnection,
  whenConnectionCloses,
} from "./web-socket.js";

const access = { scope: "exec.write" } as const;
const tags = ["ports"];

const tcp = apiRoute(access, {
  method: "get",
  path: "/v1/sessions/{session}/tcp/{port}",
  tags,
  summary: "Connect to a port inside (WebSocket)",
  description:
    "Carries the bytes of one TCP connection to the loopback of the session, in binary messages both ways. An empty message says " +
    "that its sender has no more. Closed with 1000 when both have ended, with 1011 when the connection broke or the session ended. " +
    "The session is in use as long. Pages of another origin are refused.",
  request: { params: portParams },
  responses: { 101: { description: "the connection" } },
});

/** HEAD goes with GET. */
const methods = ["get", "post", "put", "patch", "delete", "options"] as const;
const forwards = methods.map((method) =>
  apiRoute(access, {
    method,
    path: "/s/{session}/forward/{port}/{path}",
    tags,
    summary: "Ask a program that listens on a port inside (HTTP, WebSocket)",
    description:
      "Bodies are streamed both ways. The program is asked as localhost:port, with X-Forwarded-For, -Host, -Proto and -Prefix, and without " +
      "Authorization, Cookie and X-Chaser headers. What comes back cannot set cookies and is marked `Content-Security-Policy: sandbox`, " +
      "because it shares an address with this API. The session is in use as long as the answer takes.",
    request: { params: forwardParams },
    responses: { 200: { description: "what the program answers, with its status" } },
  }),
);

export function registerForward(app: App, { sessions }: Context): void {
  app.openapi(tcp, async (c) => {
    const { session, port } = c.req.valid("param");
    return withConnection(c, { sessions, session, port, check: requireUpgrade }, (inside) =>
      acceptWebSocket(c, (webSocket) => relay(webSocket, inside)),
    );
  });

  for (const route of forwards) app.openAPIRegistry.registerPath(route);
  app.on(
    methods.map((method) => method.toUpperCase()),
    "/s/:session/forward/:port/*",
    guard(access),
    async (c) => {
      const params = portParams.safeParse(c.req.param());
      if (!params.success) throw validationError(params.error.issues);
      const { session, port } = params.data;
      return upgradeOf(c) === undefined
        ? withConnection(c, { sessions, session, port }, (inside) => forwardRequest(c, inside, port))
        : withConnection(c, { sessions, session, port, check: refuseOtherOrigin }, (inside) =>
            forwardWebSocket(c, inside, port),
          );
    },
  );
}

interface Connecting {
  sessions: Sessions;
  session: string;
  port: number;
  /** Refuses the request, of which whoever may not see the session learns nothing. */
  check?: (c: Request) => unknown;
}

/** Opens a connection that ends with the caller's, and as long as which the session is in use. */
async function withConnection(
  c: Request,
  { sessions, session: id, port, check }: Connecting,
  work: (inside: Socket) => Response | Promise<Response>,
): Promise<Response> {
  const { session, release } = sessions.lease(c.get("principal").account, id);
  let inside: Socket | undefined;
  try {
    check?.(c);
    inside = await session.connect(port);
    inside.once("close", release);
    const cut = (): void => void inside?.destroy();
    inside.setTimeout(forwardedSilenceMs, cut);
    whenCallerLeaves(c, cut);
    return await work(inside);
  } catch (error) {
    release();
    inside?.destroy();
    await session.assertNotStopped();
    if (session.ending !== undefined)
      throw new ServerError("session_ended", `session ${id} ended before the answer came`);
    throw error;
  }
}

function whenCallerLeaves(c: Request, left: () => void): void {
  if (upgradeOf(c) !== undefined) return whenConnectionCloses(c, left);
  const outgoing = outgoingOf(c);
  if (outgoing?.destroyed === true) left();
  else outgoing?.once("close", left);
}

function outgoingOf(c: Request): ServerResponse | undefined {
  return (c.env as Environment["Bindings"] | undefined)?.outgoing;
}

/** The body of an answer. When it breaks off, the caller's connection does: the framework would end it with a text of its own. */
function unlessBroken(c: Request, answer: IncomingMessage): Readable {
  const body = answer.pipe(new PassThrough());
  answer.once("error", (error) => outgoingOf(c)?.destroy() ?? body.destroy(error));
  // The caller went away.
  body.once("close", () => answer.destroy());
  return body;
}

/** The path as the program has it, and the headers that it gets. */
function askedBy(c: Request, socket: Socket, port: number): Asked {
  const { pathname, search } = new URL(c.req.url);
  const [prefix = ""] = /^\/s\/[^/]+\/forward\/\d+/.exec(pathname) ?? [];
  const caller = {
    host: c.req.header("Host"),
    address: incoming(c)?.socket.remoteAddress,
    prefix,
  };
  return {
    socket,
    port,
    method: c.req.method,
    path: (pathname.slice(prefix.length) || "/") + search,
    headers: requestHeaders(c.req.raw.headers, port, caller),
  };
}

/** As it comes, whatever the method: the web's requests have none with GET. */
function bodyOf(c: Request): IncomingMessage | undefined {
  const request = incoming(c);
  const { "content-length": length, "transfer-encoding": encoding } = request?.headers ?? {};
  return length === undefined && encoding === undefined ? undefined : request;
}

async function forwardRequest(c: Request, socket: Socket, port: number): Promise<Response> {
  const asking = askedBy(c, socket, port);
  const body = bodyOf(c);
  // Else Node sends the body of some methods without a word of its length: it would be another request to the program.
  const isUnmeasured = body !== undefined && asking.headers["content-length"] === undefined;
  const framing: Headers = isUnmeasured ? { "transfer-encoding": "chunked" } : {};
  const asked = ask({ ...asking, headers: { ...asking.headers, ...framing } });
  if (body === undefined) asked.end();
  else {
    body.on("error", () => socket.destroy());
    body.pipe(asked);
  }
  const { answer } = await answerOf(asked, socket, port);
  const status = answer.statusCode ?? 0;
  const hasBody = c.req.method !== "HEAD" && !bodyless.has(status);
  if (!hasBody) answer.resume();
  const stream = hasBody ? (Readable.toWeb(unlessBroken(c, answer)) as ReadableStream) : null;
  return c.newResponse(stream, status as StatusCode, responseHeaders(answer.rawHeaders));
}

/** Of a refusal only the status is passed on: what answers a handshake is held in memory. */
async function forwardWebSocket(c: Request, socket: Socket, port: number): Promise<Response> {
  const asking = askedBy(c, socket, port);
  const asked = ask({
    ...asking,
    headers: { ...asking.headers, connection: "Upgrade", upgrade: "websocket" },
  });
  asked.end();
  const { answer, head } = await answerOf(asked, socket, port);
  const headers = responseHeaders(answer.rawHeaders);
  if (head === undefined) {
    socket.destroy();
    const status = bodyless.has(answer.statusCode ?? 0) ? 502 : answer.statusCode;
    return c.body(null, status as StatusCode, without(headers, "content-length"));
  }
  return takeConnection(c, (request, client, clientHead) => {
    const chosen = chosenProtocol(request.headers["sec-websocket-protocol"], headers);
    client.write(switching({ ...headers, ...chosen }));
    client.write(head);
    socket.write(clientHead);
    // Either end's end is the other's: a WebSocket is never half open.
    socket.once("close", () => client.destroy());
    client.pipe(socket).pipe(client);
  });
}

/** Answers that never have a body. */
const bodyless = new Set([204, 205, 304]);

function without(headers: Headers, name: string): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
}

function switching(headers: Headers): string {
  const lines = ["HTTP/1.1 101 Switching Protocols", "connection: Upgrade", "upgrade: websocket"];
  for (const [name, values] of Object.entries(headers))
    for (const value of [values].flat()) lines.push(`${name}: ${value}`);
  return [...lines, "", ""].join("\r\n");
}
