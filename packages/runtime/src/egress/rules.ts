/** Which hosts a session may connect to, and what the addresses of these must not be. */
import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import { RuntimeError } from "../errors.js";
import { EGRESS_RULES_MAX } from "../limits.js";
import { CLOSED_RANGES, CLOSED_RANGES_V6, OPEN_RANGE_V6 } from "../sandbox/network.js";

export interface EgressRule {
  /** A name, or `*.` and a name for all names below it. An address only as it is written. */
  host: string;
  port: number;
}

const LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";
const HOST = new RegExp(`^(\\*\\.)?${LABEL}(\\.${LABEL})*$`);
const HOST_LENGTH_MAX = 253;
const WILDCARD = "*.";

/** Rules as they are compared: lower case, no final dot. Code `invalid_argument`. */
export function checkEgress(rules: readonly EgressRule[]): EgressRule[] {
  if (rules.length > EGRESS_RULES_MAX) {
    throw new RuntimeError(
      "invalid_argument",
      `${String(rules.length)} egress rules are more than ${String(EGRESS_RULES_MAX)}`,
    );
  }
  return rules.map(({ host, port }) => {
    const name = plainName(host);
    if (!HOST.test(name) || name.length > HOST_LENGTH_MAX) {
      throw new RuntimeError("invalid_argument", `egress host ${JSON.stringify(host)} is not a name`);
    }
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new RuntimeError("invalid_argument", `egress port ${String(port)} of ${name} is not usable`);
    }
    return { host: name, port };
  });
}

function plainName(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}

export function isAllowed(rules: readonly EgressRule[], host: string, port: number): boolean {
  const name = plainName(host);
  return rules.some((rule) => {
    if (rule.port !== port) return false;
    if (!rule.host.startsWith(WILDCARD)) return rule.host === name;
    return isIP(name) === 0 && name.endsWith(rule.host.slice(1)) && name.length > rule.host.length - 1;
  });
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits = ""] = range.split("/");
    list.addSubnet(address, Number(bits), isIPv6(address) ? "ipv6" : "ipv4");
  }
  return list;
}

/** Addresses that no rule opens, whatever a name server says: of IPv4 the same that `nat` closes. */
export function closedAddresses(hostAddresses: readonly string[]): (address: string) => boolean {
  const closed = blockList([...CLOSED_RANGES, ...CLOSED_RANGES_V6, ...hostAddresses]);
  const open = blockList([OPEN_RANGE_V6]);
  return (address) => {
    if (isIPv6(address)) return !open.check(address, "ipv6") || closed.check(address, "ipv6");
    return !isIPv4(address) || closed.check(address, "ipv4");
  };
}
