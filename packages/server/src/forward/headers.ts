/** What of a message's headers passes between a caller and a program inside a session. */

export type Headers = Record<string, string | string[]>;

/** About one connection, and not about what is said over it. */
const hopByHop = new Set([
  ...["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"],
  ...["te", "trailer", "transfer-encoding", "upgrade"],
]);

/** The caller's secrets for this server and others at its address, what this server answers itself, and what it says anew. */
const keptOutside = new Set([
  ...["authorization", "cookie", "host", "expect", "idempotency-key", "forwarded", "x-real-ip"],
]);
const keptOutsidePrefixes = ["x-chaser-", "x-forwarded-"];

/** With these a program inside would speak for the whole address of this server. */
const keptInside = new Set([
  ...["set-cookie", "clear-site-data", "strict-transport-security", "alt-svc", "service-worker-allowed"],
  ...["nel", "report-to", "reporting-endpoints", "www-authenticate", "x-request-id"],
]);
const keptInsidePrefixes = ["x-chaser-"];

/** A page from inside is of no origin, and runs no script: it shares an address with the API. */
const pagePolicy = "sandbox";

/** Protocols that a browser offers to bring its key along. */
const ownProtocol = /^chaser(\.key\..*)?$/;

export interface Caller {
  host: string | undefined;
  address: string | undefined;
  /** Path under which the caller sees what the program has at `/`. */
  prefix: string;
}

export function requestHeaders(given: Iterable<[string, string]>, port: number, caller: Caller): Headers {
  const pairs = [...given].map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const kept = passing(pairs, keptOutside, keptOutsidePrefixes);
  const protocols = kept["sec-websocket-protocol"];
  if (protocols !== undefined) {
    const theirs = listOf(String(protocols)).filter((name) => !ownProtocol.test(name));
    if (theirs.length > 0) kept["sec-websocket-protocol"] = theirs.join(", ");
    else delete kept["sec-websocket-protocol"];
  }
  return {
    ...kept,
    host: `localhost:${port}`,
    ...(caller.address === undefined ? {} : { "x-forwarded-for": caller.address }),
    ...(caller.host === undefined ? {} : { "x-forwarded-host": caller.host }),
    "x-forwarded-proto": "http",
    "x-forwarded-prefix": caller.prefix,
  };
}

/** Of an answer from inside, as Node gives them: names and values by turns. */
export function responseHeaders(raw: readonly string[]): Headers {
  const pairs: [string, string][] = [];
  for (let index = 0; index < raw.length; index += 2)
    pairs.push([(raw[index] ?? "").toLowerCase(), raw[index + 1] ?? ""]);
  const kept = passing(pairs, keptInside, keptInsidePrefixes);
  const policies = [kept["content-security-policy"] ?? []].flat();
  return { ...kept, "content-security-policy": [...policies, pagePolicy] };
}

/** A caller that offered protocols breaks off when none of them is chosen. */
export function chosenProtocol(offered: string | undefined, answer: Headers): Headers {
  if (answer["sec-websocket-protocol"] !== undefined || !listOf(offered ?? "").includes("chaser")) return {};
  return { "sec-websocket-protocol": "chaser" };
}

function passing(pairs: [string, string][], stay: Set<string>, stayPrefixes: string[]): Headers {
  const named = new Set(
    pairs.filter(([name]) => name === "connection").flatMap(([, value]) => listOf(value.toLowerCase())),
  );
  // No prototype: a header may have any name.
  const kept = Object.create(null) as Headers;
  for (const [name, value] of pairs) {
    if (hopByHop.has(name) || named.has(name) || stay.has(name)) continue;
    if (stayPrefixes.some((prefix) => name.startsWith(prefix))) continue;
    const before = kept[name];
    kept[name] = before === undefined ? value : [before, value].flat();
  }
  return kept;
}

function listOf(value: string): string[] {
  return value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
