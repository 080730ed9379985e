/** Where fetching an image may lead, whatever a registry answers: to public addresses, and to what the operator has named. */
import { isIPv4 } from "node:net";
import { notLookedUp, Refusal, targetName, type Judge, type Target } from "../egress/proxy.js";

export const PRIVATE_REMEDY =
  "whoever runs the server can allow hosts on private networks: chaser serve --private-registry HOST:PORT";

/** In lower case, and an address as four numbers, however it is written (`127.1`). */
function canonicalHost(host: string): string {
  const text = `http://${host}`;
  return URL.canParse(text) ? new URL(text).hostname : host;
}

/** A registry's name stands for these; without a port, for those of https and http. */
function targetsOf(registry: string): Target[] {
  const [, name = "", port] = /^(.*?)(?::([0-9]+))?$/.exec(registry) ?? [];
  const host = canonicalHost(name);
  return (port === undefined ? [443, 80] : [Number(port)]).map((number) => ({ host, port: number }));
}

export interface ReachOptions {
  /** Registries, and what they redirect to, that may be on a private network: `host:port`, or `host`. */
  registries: readonly string[];
  /** Gives all addresses. Rejects when there is none. */
  lookup: (host: string) => Promise<readonly string[]>;
  isClosed: (address: string) => boolean;
}

export function judgeRegistry({ registries, lookup, isClosed }: ReachOptions): Judge {
  const named = new Set(registries.flatMap(targetsOf).map(targetName));
  return async ({ host, port }) => {
    const target = { host: canonicalHost(host), port };
    const name = targetName(target);
    const addresses = await lookup(target.host).catch((error: unknown) => {
      throw notLookedUp(target, error);
    });
    if (named.has(name)) return addresses;
    const open = addresses.filter((address) => !isClosed(address));
    if (open.length > 0) return open;
    throw new Refusal(403, `${name} is ${addresses.join(", ")}, on this machine or a private network`);
  };
}

/**
 * Of the named ones, those on this machine's loopback: no program asks a proxy for these, so they have to be where it looks. The keys
 * are addresses to listen at, in a loopback of its own.
 */
export function loopbackTargets(registries: readonly string[]): Map<string, Target> {
  const found = new Map<string, Target>();
  for (const target of registries.flatMap(targetsOf)) {
    const address = target.host === "localhost" ? "127.0.0.1" : target.host;
    if (!isIPv4(address) || !address.startsWith("127.")) continue;
    const at = targetName({ host: address, port: target.port });
    if (!found.has(at)) found.set(at, target);
  }
  return found;
}

/** What a program says that was sent to the loopback, by a redirect or a token service, and found nothing there. */
export function loopbackRefusals(stderr: string): string[] {
  const dials = stderr.matchAll(
    /dial tcp (127\.[0-9.]+:[0-9]+|\[::1\]:[0-9]+): connect: connection refused/g,
  );
  return [...dials].map(([, address = ""]) => `${address} is on this machine`);
}
