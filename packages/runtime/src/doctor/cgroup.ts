/** Whether this process may limit memory, processes and CPU of a group of processes. */
import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Capability } from "./capability.js";

const CONTROLLERS = ["cpu", "memory", "pids"];

/** Where cgroup v2 is mounted, from `/proc/self/mountinfo`. */
export function cgroupMount(mountinfo: string): string | null {
  for (const line of mountinfo.split("\n")) {
    const [before, after] = line.split(" - ");
    if (after?.startsWith("cgroup2 ") === true) return before?.split(" ")[4] ?? null;
  }
  return null;
}

/** This process's own group below that mount, from `/proc/self/cgroup`. */
export function ownGroup(cgroup: string): string | null {
  return /^0::(.*)$/m.exec(cgroup)?.[1] ?? null;
}

export function probeCgroup(): Capability {
  const base = { name: "cgroup v2 delegation", required: false };
  const fallback = "limits are set for each process, and for the session by its user namespace and tmpfs";
  const mount = cgroupMount(readFileSync("/proc/self/mountinfo", "utf8"));
  const group = ownGroup(readFileSync("/proc/self/cgroup", "utf8"));
  if (mount === null || group === null) {
    return { ...base, ok: false, detail: `cgroup v2 is not mounted; ${fallback}` };
  }
  const directory = join(mount, group);
  const trial = join(directory, `chaser-probe-${String(process.pid)}`);
  try {
    const controllers = readFileSync(join(directory, "cgroup.controllers"), "utf8").trim().split(" ");
    const missing = CONTROLLERS.filter((controller) => !controllers.includes(controller));
    if (missing.length > 0) {
      return {
        ...base,
        ok: false,
        detail: `controllers ${missing.join(", ")} are not delegated; ${fallback}`,
      };
    }
    mkdirSync(trial);
    rmdirSync(trial);
    return { ...base, ok: true, detail: `${directory} is delegated` };
  } catch (error) {
    return {
      ...base,
      ok: false,
      detail: `${(error as Error).message}; ${fallback}`,
      remedy: "run the server as a systemd service with Delegate=yes",
    };
  }
}
