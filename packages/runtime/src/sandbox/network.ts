/** Outgoing connections through slirp4netns, and the addresses that stay out of reach. */
import type { NetworkInterfaceInfo } from "node:os";

/** slirp4netns answers name lookups here, through the host's resolver. */
export const NAT_NAMESERVER = "10.0.2.3";

/**
 * Not reachable under `nat`, by routes that only a privileged process could change. The network of the sandbox
 * itself, 10.0.2.0/24, is more specific and stays. Source: the IANA special-purpose address registry.
 */
export const CLOSED_RANGES = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  // A socket bound to the device passes by the loopback and would reach the host's.
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/4",
  "240.0.0.0/4",
] as const;

/** The only IPv6 that is public, and what of it is not: translations of IPv4, which could be private, and examples. */
export const OPEN_RANGE_V6 = "2000::/3";
export const CLOSED_RANGES_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"] as const;

const ADDRESS_BITS = { IPv4: 32, IPv6: 128 } as const;

/** The host's own addresses: what listens there trusts its network, and the sandbox is not part of it. */
export function hostAddresses(
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>,
  families: readonly (keyof typeof ADDRESS_BITS)[] = ["IPv4"],
): string[] {
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => families.includes(family) && !internal)
    .map(({ address, family }) => `${address}/${String(ADDRESS_BITS[family])}`);
}

/** Input for `ip -batch -`. */
export function closingRoutes(addresses: readonly string[]): string {
  const ranges = new Set<string>([...CLOSED_RANGES, ...addresses]);
  return [...ranges].map((range) => `route replace unreachable ${range}\n`).join("");
}

/** `keeperPid`: of the process that holds the network. */
export function slirpArguments(target: { keeperPid: number; exitFd: number; readyFd: number }): string[] {
  return [
    "--configure",
    "--mtu=65520",
    "--disable-host-loopback",
    `--exit-fd=${String(target.exitFd)}`,
    `--ready-fd=${String(target.readyFd)}`,
    `--userns-path=/proc/${String(target.keeperPid)}/ns/user`,
    "--netns-type=path",
    `/proc/${String(target.keeperPid)}/ns/net`,
    "tap0",
  ];
}

/** Becomes the program when it reads a line on the descriptor that ends it, too. */
export function waitScript(exitFd: number): string {
  return `read -r word <&${String(exitFd)} && exec "$@"`;
}

/**
 * Where only root may open `/dev/net/tun`, a server that is root gives slirp4netns one of its own, in a mount
 * namespace of its own, and lets it become the session's host user before it starts.
 */
export const PRIVATE_TUN_SCRIPT = `set -eu
user=$1 group=$2
shift 2
mount -t tmpfs -o size=64k,mode=755 tun /dev/net
mknod -m 0666 /dev/net/tun c 10 200
exec setpriv --reuid "$user" --regid "$group" --clear-groups -- "$@"
`;
