/** What the kernel is too old for, and whether a container stands between it and this process. */
import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import type { Capability } from "./capability.js";
import { atLeast } from "./programs.js";

export interface KernelFacts {
  /** As uname(2) says it: "6.1.0-18-amd64". */
  release: string;
  /** What kind of container this process runs in, or null. */
  container: string | null;
}

/** The first version of Linux that has it. Distributions bring some of it back to older ones: the other checks try. */
const NEEDED = [
  { version: "5.11", what: "overlay disks that an ordinary user may mount" },
  { version: "5.14", what: "a count of processes for each session, not for each user of the host" },
  { version: "5.19", what: "images for sessions of a server that is root" },
] as const;

const IN_CONTAINER =
  "the container must allow user namespaces, mounts in them and a /proc of their own, and have /dev/net/tun for network nat";

export function judgeKernel(facts: KernelFacts): Capability {
  const version = /^\d+(?:\.\d+)*/.exec(facts.release)?.[0] ?? "0";
  const where = facts.container === null ? "" : `, inside a container (${facts.container}): ${IN_CONTAINER}`;
  const base = { name: "kernel", required: false };
  const missing = NEEDED.filter((needed) => !atLeast(version, needed.version));
  if (missing.length === 0) return { ...base, ok: true, detail: `Linux ${facts.release}${where}` };
  const lacks = missing.map(({ version: from, what }) => `${what} (from ${from})`).join("; ");
  return {
    ...base,
    ok: false,
    detail: `Linux ${facts.release} is too old for ${lacks}${where}`,
    remedy: `run a kernel of version ${NEEDED[NEEDED.length - 1]?.version ?? ""} or later`,
  };
}

const CONTAINER_MARKS = [
  { file: "/.dockerenv", kind: "docker" },
  { file: "/run/.containerenv", kind: "podman" },
] as const;

/** `container` is the variable that systemd, podman and LXC set for the first process; it shows only where that is readable. */
function readContainer(): string | null {
  const mark = CONTAINER_MARKS.find(({ file }) => existsSync(file));
  if (mark !== undefined) return mark.kind;
  try {
    return containerOf(readFileSync("/proc/1/environ", "latin1"));
  } catch {
    return null;
  }
}

/** From the environment of the first process. */
export function containerOf(environ: string): string | null {
  const entry = environ.split("\0").find((one) => one.startsWith("container="));
  const kind = entry?.slice("container=".length) ?? "";
  return kind === "" ? null : kind;
}

export function probeKernel(): Capability {
  return judgeKernel({ release: release(), container: readContainer() });
}
