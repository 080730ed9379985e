/**
 * The `/etc` of a sandbox without an image: small files of our own, and a copy of the few things of the host's
 * that programs in `/usr` look for there. Shared by all sessions, read-only inside.
 */
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { makeDirectory, writePublicFile } from "../platform/directory.js";
import { HOSTNAME_DEFAULT, SANDBOX_GID, SANDBOX_HOME, SANDBOX_UID, SANDBOX_USER } from "./identity.js";
import { NAT_NAMESERVER } from "./network.js";

/** Public by nature: library paths, alternatives, certificates, time zone, names of services. Never keys. */
export const ETC_COPIED = [
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
] as const;

/** Of each OpenJDK: without these no program that makes a random number or a connection runs. Not `management`, which may hold passwords. */
const JAVA_COPIED = ["security", "net.properties", "logging.properties", "jvm-amd64.cfg", "jvm-aarch64.cfg"];
const JAVA_DIRECTORY = /^java-\d+-openjdk$/;

function copiedFrom(host: string): string[] {
  const java = readdirSync(host).filter((name) => JAVA_DIRECTORY.test(name));
  return [...ETC_COPIED, ...java.flatMap((name) => JAVA_COPIED.map((part) => join(name, part)))];
}

/** In the stamp, so that a newer version of this module writes the directory anew. */
const VERSION = 2;

export function hostsFile(hostname: string): string {
  return `127.0.0.1\tlocalhost ${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`;
}

export const NAT_RESOLV = `nameserver ${NAT_NAMESERVER}\n`;

/** The files that are ours, by name. */
export function etcFiles(resolv: string): Record<string, string> {
  const id = `${String(SANDBOX_UID)}:${String(SANDBOX_GID)}`;
  return {
    passwd:
      `${SANDBOX_USER}:x:${id}:Chaser:${SANDBOX_HOME}:/bin/sh\n` +
      "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    group: `${SANDBOX_USER}:x:${String(SANDBOX_GID)}:\nnogroup:x:65534:\n`,
    hostname: `${HOSTNAME_DEFAULT}\n`,
    hosts: hostsFile(HOSTNAME_DEFAULT),
    "resolv.conf": resolv,
    "nsswitch.conf":
      "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\nnetworks: files\n",
    "host.conf": "multi on\n",
    shells: "/bin/sh\n/bin/bash\n",
    profile: "umask 022\n",
  };
}

/** Half of the alternatives of a Debian system. */
const MANUAL_PAGE = /\.[1-9][a-z]*\.gz$/;

/** Links stay links: what they name below `/usr` or `/etc` is there inside as well. What cannot be read is left out. */
function copyTree(source: string, target: string): void {
  const stat = lstatSync(source, { throwIfNoEntry: false });
  if (stat === undefined) return;
  try {
    if (stat.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else if (stat.isFile()) {
      copyFileSync(source, target);
      chmodSync(target, stat.mode & 0o111 ? 0o755 : 0o644);
    } else if (stat.isDirectory()) {
      makeDirectory(target, 0o755);
      for (const name of readdirSync(source)) {
        if (!MANUAL_PAGE.test(name)) copyTree(join(source, name), join(target, name));
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
  }
}

/** Changes when something that is copied changed at its top; deeper changes wait for the next change there. */
function stampOf(host: string, resolv: string): string {
  const times = copiedFrom(host).map(
    (name) =>
      lstatSync(join(host, name), { throwIfNoEntry: false, bigint: true })?.mtimeNs.toString() ?? null,
  );
  return JSON.stringify({ version: VERSION, resolv, times });
}

function readStamp(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/**
 * Makes `directory` hold a current copy; costs a few calls when it already does. The stamp beside it is written
 * last: a crash half way leads to a new copy.
 */
export function prepareEtc(directory: string, resolv: string, host = "/etc"): void {
  const stampPath = `${directory}.stamp`;
  const stamp = stampOf(host, resolv);
  if (readStamp(stampPath) === stamp) return;
  rmSync(stampPath, { force: true });
  rmSync(directory, { recursive: true, force: true });
  makeDirectory(dirname(directory), 0o711);
  makeDirectory(directory, 0o755);
  for (const name of copiedFrom(host)) {
    makeDirectory(dirname(join(directory, name)), 0o755);
    copyTree(join(host, name), join(directory, name));
  }
  for (const [name, content] of Object.entries(etcFiles(resolv))) {
    writePublicFile(join(directory, name), content);
  }
  writeFileSync(`${stampPath}.new`, stamp);
  renameSync(`${stampPath}.new`, stampPath);
}
