/**
 * The only way out of a network that has a loopback and nothing else, so that there is nothing to get around: an HTTP proxy in this
 * process. A name is looked up here, once, and the connection goes to the addresses that were judged: what the name server answers
 * the next time does not matter.
 */
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, isIPv6, type LookupFunction, type Socket } from "node:net";
import { pipeline, type Duplex } from "node:stream";
import { EGRESS_CONNECT_MS_MAX } from "../limits.js";
import { isAllowed, type EgressRule } from "./rules.js";

export interface Target {
  host: string;
  port: number;
}

/** Gives the addresses that a target is reached at, in the order in which they are tried; throws a `Refusal`. */
export type Judge = (target: Target) => Promise<readonly string[]>;

export interface EgressPolicy {
  rules: readonly EgressRule[];
  /** Gives an IPv4 address. Rejects when there is none. */
  lookup: (host: string) => Promise<string>;
  isClosed: (address: string) => boolean;
}

/** Why a connection is refused: the status of the answer, and its text for whoever reads the log of a tool. */
export class Refusal extends Error {
  constructor(
    readonly status: 400 | 403 | 502,
    message: string,
  ) {
    super(message);
  }
}

export function targetName({ host, port }: Target): string {
  return `${host}:${String(port)}`;
}

export function notLookedUp(target: Target, error: unknown): Refusal {
  return new Refusal(502, `${targetName(target)} could not be looked up: ${(error as Error).message}`);
}

/** What a session with an allow-list may reach. */
export function judgeByRules({ rules, lookup, isClosed }: EgressPolicy): Judge {
  return async (target) => {
    const name = targetName(target);
    if (!isAllowed(rules, target.host, target.port)) {
      throw new Refusal(403, `${name} is not on the list of hosts that this session may reach`);
    }
    const address = await lookup(target.host).catch((error: unknown) => {
      throw notLookedUp(target, error);
    });
    if (!isClosed(address)) return [address];
    throw new Refusal(403, `${name} is ${address}, an address that sandboxes never reach`);
  };
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

interface Judged extends Target {
  lookup: LookupFunction;
}

/** Judged once; whatever connects is given the answer in place of the name server's. */
async function judged(judge: Judge, target: Target | null): Promise<Judged> {
  if (target === null) throw new Refusal(400, "the target is not a host and a port");
  const addresses = (await judge(target)).map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  const lookup: LookupFunction = (_host, options, answer) => {
    const [first] = addresses;
    if (options.all === true) answer(null, addresses);
    else answer(null, first?.address ?? "", first?.family);
  };
  return { ...target, lookup };
}

/** Of several addresses that were tried, each has its own reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof AggregateError)) return (error as Error).message;
  return error.errors.map((one: Error) => one.message).join(", ");
}

function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal(502, reasonOf(error));
}

/** Rejects when the target does not take the connection in time. */
export function opened(target: Target & { lookup?: LookupFunction }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...target, timeout: EGRESS_CONNECT_MS_MAX });
    socket.once("timeout", () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/** Either end's end is the other's: nothing is left half open. */
export function join(client: Duplex, upstream: Socket): void {
  upstream.on("error", () => undefined);
  upstream.once("close", () => client.destroy());
  client.once("close", () => upstream.destroy());
  if (client.destroyed) upstream.destroy();
  client.pipe(upstream).pipe(client);
}

interface ProxyOptions {
  judge: Judge;
  /** Told what the client is told. */
  onRefusal?: (message: string) => void;
}

async function tunnel(options: ProxyOptions, authority: string, client: Duplex, head: Buffer): Promise<void> {
  client.on("error", () => undefined);
  try {
    const upstream = await opened(await judged(options.judge, parseAuthority(authority)));
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    upstream.write(head);
    join(client, upstream);
  } catch (error) {
    const { status, message } = asRefusal(error);
    options.onRefusal?.(message);
    client.end(
      `HTTP/1.1 ${String(status)} Refused\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${message}\n`,
    );
  }
}

/** A request in the clear, with the whole address in its first line. */
async function forward(
  options: ProxyOptions,
  message: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  const refuse = (error: unknown): void => {
    const { status, message } = asRefusal(error);
    options.onRefusal?.(message);
    answer.writeHead(status, { "content-type": "text/plain", connection: "close" }).end(`${message}\n`);
  };
  try {
    const url = URL.canParse(message.url ?? "") ? new URL(message.url ?? "") : null;
    const target = url?.protocol === "http:" ? { host: url.hostname, port: Number(url.port || 80) } : null;
    const to = await judged(options.judge, target);
    if (answer.destroyed) return;
    const upstream = request({
      ...to,
      method: message.method,
      path: `${url?.pathname ?? "/"}${url?.search ?? ""}`,
      headers: forwardHeaders(message, url?.host ?? ""),
      setHost: false,
      timeout: EGRESS_CONNECT_MS_MAX,
      agent: false,
    });
    upstream.once("timeout", () => upstream.destroy(new Error("no answer")));
    upstream.once("socket", (socket) => socket.once("connect", () => upstream.setTimeout(0)));
    upstream.once("response", (from) => {
      try {
        answer.writeHead(from.statusCode ?? 502, from.rawHeaders);
      } catch (error) {
        // What was understood need not be what may be said: a status below 100, trailers where none can be.
        refuse(error);
        upstream.destroy();
        return;
      }
      // An answer that breaks off must not look like one that is still on its way.
      pipeline(from, answer, () => undefined);
    });
    upstream.once("error", (error) => {
      if (answer.headersSent) answer.destroy();
      else refuse(error);
    });
    // Without an error, when it is answered with another protocol.
    upstream.once("close", () => {
      if (!answer.headersSent) refuse(new Error("no answer that can be passed on"));
    });
    answer.once("close", () => upstream.destroy());
    message.pipe(upstream);
  } catch (error) {
    refuse(error);
  }
}

/** A server that does not listen yet. */
export function egressProxy(options: ProxyOptions): Server {
  const server = createServer((message, answer) => void forward(options, message, answer));
  server.on("connect", (message: IncomingMessage, client: Duplex, head: Buffer) => {
    void tunnel(options, message.url ?? "", client, head);
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}
