/**
 * The only way out of a session with an allow-list: an HTTP proxy in this process. The session's network has a loopback and
 * nothing else, so there is nothing to get around. A name is looked up here, once, and the connection goes to the address that
 * was judged: what the name server answers the next time does not matter.
 */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { EGRESS_CONNECTIONS_MAX, EGRESS_CONNECT_MS_MAX } from "../limits.js";
import { isAllowed, type EgressRule } from "./rules.js";

export interface EgressPolicy {
  rules: readonly EgressRule[];
  /** Gives an IPv4 address. Rejects when there is none. */
  lookup: (host: string) => Promise<string>;
  isClosed: (address: string) => boolean;
}

/** Why a connection is refused: the status of the answer, and its text for whoever reads the log of a tool. */
class Refusal extends Error {
  constructor(
    readonly status: 400 | 403 | 502,
    message: string,
  ) {
    super(message);
  }
}

interface Target {
  host: string;
  port: number;
}

/** `host:port` of CONNECT. IPv6 addresses are not names, and there is no IPv6. */
export function parseAuthority(authority: string): Target | null {
  const [, host, port] = /^([^:/@\s]+):(\d{1,5})$/.exec(authority) ?? [];
  return host === undefined || port === undefined ? null : { host, port: Number(port) };
}

/** What of a request's headers is meant for the proxy, and not for who is behind it. */
const HOP_HEADERS = new Set([
  "connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
]);

function forwardHeaders(message: IncomingMessage, host: string): string[] {
  const kept: string[] = ["host", host];
  for (let index = 0; index < message.rawHeaders.length; index += 2) {
    const [name = "", value = ""] = message.rawHeaders.slice(index, index + 2);
    const lower = name.toLowerCase();
    if (lower !== "host" && !HOP_HEADERS.has(lower)) kept.push(name, value);
  }
  return kept;
}

async function judge(policy: EgressPolicy, target: Target | null): Promise<{ address: string } & Target> {
  if (target === null) throw new Refusal(400, "the target is not a host and a port");
  const name = `${target.host}:${String(target.port)}`;
  if (!isAllowed(policy.rules, target.host, target.port)) {
    throw new Refusal(403, `${name} is not on the list of hosts that this session may reach`);
  }
  const address = await policy.lookup(target.host).catch((error: unknown) => {
    throw new Refusal(502, `${name} could not be looked up: ${(error as Error).message}`);
  });
  if (policy.isClosed(address)) {
    throw new Refusal(403, `${name} is ${address}, an address that sandboxes never reach`);
  }
  return { ...target, address };
}

function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal(502, (error as Error).message);
}

function opened(address: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, timeout: EGRESS_CONNECT_MS_MAX });
    socket.once("timeout", () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

async function tunnel(policy: EgressPolicy, authority: string, client: Duplex, head: Buffer): Promise<void> {
  client.on("error", () => undefined);
  try {
    const { address, port } = await judge(policy, parseAuthority(authority));
    const upstream = await opened(address, port);
    upstream.on("error", () => undefined);
    // Either end's end is the other's: nothing is left half open.
    upstream.once("close", () => client.destroy());
    client.once("close", () => upstream.destroy());
    if (client.destroyed) upstream.destroy();
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    upstream.write(head);
    client.pipe(upstream).pipe(client);
  } catch (error) {
    const { status, message } = asRefusal(error);
    client.end(
      `HTTP/1.1 ${String(status)} Refused\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${message}\n`,
    );
  }
}

/** A request in the clear, with the whole address in its first line. */
async function forward(
  policy: EgressPolicy,
  message: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  try {
    const url = URL.canParse(message.url ?? "") ? new URL(message.url ?? "") : null;
    const target = url?.protocol === "http:" ? { host: url.hostname, port: Number(url.port || 80) } : null;
    const { address, port } = await judge(policy, target);
    const upstream = request({
      host: address,
      port,
      method: message.method,
      path: `${url?.pathname ?? "/"}${url?.search ?? ""}`,
      headers: forwardHeaders(message, url?.host ?? ""),
      setHost: false,
      timeout: EGRESS_CONNECT_MS_MAX,
      agent: false,
    });
    upstream.once("response", (from) => {
      answer.writeHead(from.statusCode ?? 502, from.rawHeaders);
      from.pipe(answer);
    });
    upstream.once("error", (error) => {
      if (answer.headersSent) answer.destroy();
      else refuse(answer, asRefusal(error));
    });
    answer.once("close", () => upstream.destroy());
    message.pipe(upstream);
  } catch (error) {
    refuse(answer, asRefusal(error));
  }
}

function refuse(answer: ServerResponse, { status, message }: Refusal): void {
  answer.writeHead(status, { "content-type": "text/plain", connection: "close" }).end(`${message}\n`);
}

/** A server that does not listen yet. */
export function egressProxy(policy: EgressPolicy): Server {
  const server = createServer((message, answer) => void forward(policy, message, answer));
  server.maxConnections = EGRESS_CONNECTIONS_MAX;
  server.on("connect", (message: IncomingMessage, client: Duplex, head: Buffer) => {
    void tunnel(policy, message.url ?? "", client, head);
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}
