/** What the host sees of the processes that a test started. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

export interface HostProcess {
  pid: number;
  parent: number;
  uid: number;
  state: string;
  command: string;
}

function readProcess(pid: string): HostProcess | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state = "", parent = "0"] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? -1);
    const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
    return { pid: Number(pid), parent: Number(parent), uid, state, command };
  } catch {
    return null;
  }
}

export function hostProcesses(): HostProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(readProcess)
    .filter((found) => found !== null && found.state !== "Z") as HostProcess[];
}

/** Everything whose command line holds `text`: give it something that only the test has, its directory say. */
export function processesWith(text: string): HostProcess[] {
  return hostProcesses().filter(({ command }) => command.includes(text));
}

export function pidNamespace(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${String(pid)}/ns/pid`);
  } catch {
    return null;
  }
}

/** Waits for a condition; false when it did not come true in time. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() > deadline) return false;
    await delay(5);
  }
}

export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
