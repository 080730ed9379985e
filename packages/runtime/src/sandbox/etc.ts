/**
 * The `/etc` of a sandbox without an image: small files of our own, and a copy of the few things of the host's
 * that programs in `/usr` look for there. One directory for each network mode, shared by all sessions, read-only inside.
 */
import { chmodSync, cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NetworkMode } from "../api.js";
import { HOSTNAME_DEFAULT, SANDBOX_GID, SANDBOX_HOME, SANDBOX_UID, SANDBOX_USER } from "./identity.js";
import { NAT_NAMESERVER } from "./network.js";

/** Public by nature: library paths, alternatives, certificates, time zone, names of services. Never keys. */
const COPIED = [
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "alternatives",
  "ssl/certs",
  "ssl/openssl.cnf",
  "ca-certificates.conf",
  "pki/tls/certs",
  "pki/ca-trust/extracted",
  "crypto-policies",
  "os-release",
  "localtime",
  "timezone",
  "services",
  "protocols",
  "mime.types",
  "magic",
  "bash.bashrc",
  "inputrc",
  "fonts",
  "python3",
  "perl",
];

export function hostsFile(hostname: string): string {
  return `127.0.0.1\tlocalhost ${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`;
}

/** The files that are ours, by name. `hostResolv` is the host's own resolv.conf, for the host network. */
export function etcFiles(network: NetworkMode, hostResolv: string): Record<string, string> {
  const id = `${String(SANDBOX_UID)}:${String(SANDBOX_GID)}`;
  const resolv = { none: "", nat: `nameserver ${NAT_NAMESERVER}\n`, host: hostResolv };
  return {
    passwd:
      `${SANDBOX_USER}:x:${id}:Chaser:${SANDBOX_HOME}:/bin/sh\n` +
      "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    group: `${SANDBOX_USER}:x:${String(SANDBOX_GID)}:\nnogroup:x:65534:\n`,
    hostname: `${HOSTNAME_DEFAULT}\n`,
    hosts: hostsFile(HOSTNAME_DEFAULT),
    "resolv.conf": resolv[network],
    "nsswitch.conf":
      "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\nnetworks: files\n",
    "host.conf": "multi on\n",
    shells: "/bin/sh\n/bin/bash\n",
    profile: "umask 022\n",
  };
}

/** Writes the directory, readable by every host user, because sessions run as several. */
export function writeEtc(directory: string, network: NetworkMode, host = "/etc", hostResolv = ""): void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  for (const name of COPIED) {
    const source = join(host, name);
    if (!existsSync(source)) continue;
    cpSync(source, join(directory, name), { recursive: true, verbatimSymlinks: true });
  }
  for (const [name, content] of Object.entries(etcFiles(network, hostResolv))) {
    writeFileSync(join(directory, name), content, { mode: 0o644 });
  }
  chmodSync(directory, 0o755);
}
