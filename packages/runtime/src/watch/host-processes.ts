/** The processes of a session under their numbers on the host, where they can be ended and given another priority. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

/** Host pid by the pid in the session. `/proc` is walked whole, so this is for when something has to be done. */
export function hostPids(pidNamespace: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readlinkSync(`/proc/${name}/ns/pid`) !== pidNamespace) continue;
      const inside = innerPid(readFileSync(`/proc/${name}/status`, "latin1"));
      if (inside !== null) found.set(inside, Number(name));
    } catch {
      continue; // Gone meanwhile, or another user's.
    }
  }
  return found;
}

/** The last number of `NSpid`: the one in the innermost namespace. */
export function innerPid(status: string): string | null {
  return /^NSpid:.*\s(\d+)$/m.exec(status)?.[1] ?? null;
}

export function killProcess(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return; // Gone meanwhile.
  }
}

/**
 * The kernel may schedule each login session as a whole (autogroup), and then compares the priorities of these first. An
 * ordinary user may change ten of them a second; the rest waits for the next time. What is at `nice` or below it stays there.
 */
export function lowerPriority(pids: Iterable<number>, nice: number): void {
  const groups = new Set<string>();
  for (const pid of pids) {
    try {
      if (getPriority(pid) < nice) setPriority(pid, nice);
      const group = readFileSync(`/proc/${String(pid)}/autogroup`, "latin1").trim();
      if (groups.has(group) || Number(/ nice (-?\d+)$/.exec(group)?.[1] ?? nice) >= nice) continue;
      groups.add(group);
      writeFileSync(`/proc/${String(pid)}/autogroup`, String(nice));
    } catch {
      continue;
    }
  }
}
