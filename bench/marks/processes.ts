import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Empty where the process ended between two looks. */
function processFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}

/** All processes below one, whichever of its threads started them. */
export function descendants(pid: number): number[] {
  let threads: string[] = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    // It ended between two looks.
  }
  const children = threads
    .flatMap((thread) => processFile(pid, `task/${thread}/children`).split(" "))
    .filter(Boolean)
    .map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

export function commandName(pid: number): string {
  return processFile(pid, "comm").trim();
}

/** Resident memory, each shared page divided by those who share it. */
export function proportionalBytes(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(processFile(pid, "smaps_rollup"))?.[1] ?? 0) * 1024;
}

export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(processFile(pid, "status"))?.[1] ?? 0) * 1024;
}

/** What a process holds that it could forget to give back. */
export interface Held {
  descriptors: number;
  processes: number;
  mounts: number;
  directories: number;
}

/** `directory`: where the process keeps its files. Connections do not count: clients keep them open for a while. */
export function heldBy(pid: number, directory: string): Held {
  const connections = new Set(
    ["net/tcp", "net/tcp6"].flatMap((name) =>
      processFile(pid, name)
        .split("\n")
        .slice(1)
        .map((line) => `socket:[${line.trim().split(/\s+/)[9] ?? ""}]`),
    ),
  );
  const descriptors = readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return !connections.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      // Closed between two looks.
      return false;
    }
  });
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return {
    descriptors: descriptors.length,
    processes: descendants(pid).length,
    mounts: processFile(pid, "mountinfo").split("\n").length,
    directories: entries.filter((entry) => entry.isDirectory()).length,
  };
}
