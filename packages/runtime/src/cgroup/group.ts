/** One control group a session: what its processes may use together, and what they ran into. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { SessionLimits } from "../limits.js";
import { OWN_PROCESSES } from "../sandbox/limits.js";
import type { LimitCounts } from "../watch/session-watch.js";
import type { Controller, Delegation } from "./delegation.js";

const CPU_PERIOD_US = 100_000;
/** The keeper, which is outside of the user namespace that counts processes otherwise. */
const KEEPER_PROCESSES = 1;
const REMOVE_POLL_MS = 2;
const REMOVE_MS_MAX = 2_000;

/** File contents that make the kernel hold the limits. `memory.swap.max` is absent where the kernel has no swap. */
export function groupFiles(
  limits: SessionLimits,
  controllers: ReadonlySet<Controller>,
): { name: string; content: string; optional: boolean }[] {
  const all: { controller: Controller; name: string; value: number | string; optional?: boolean }[] = [
    { controller: "memory", name: "memory.max", value: limits.sessionMemoryBytes },
    { controller: "memory", name: "memory.swap.max", value: limits.swapBytes, optional: true },
    { controller: "pids", name: "pids.max", value: limits.maxProcesses + OWN_PROCESSES + KEEPER_PROCESSES },
    {
      controller: "cpu",
      name: "cpu.max",
      value: `${String(Math.max(1_000, (limits.cpuPercent * CPU_PERIOD_US) / 100))} ${String(CPU_PERIOD_US)}`,
    },
  ];
  return all
    .filter(({ controller }) => controllers.has(controller))
    .map(({ name, value, optional = false }) => ({ name, content: String(value), optional }));
}

/** A figure of a flat keyed file such as `memory.events`. */
export function eventCount(text: string, key: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}

export class SessionGroup {
  private constructor(
    private readonly directory: string,
    readonly controllers: ReadonlySet<Controller>,
  ) {}

  static make(delegation: Delegation, id: string, limits: SessionLimits): SessionGroup {
    const directory = join(delegation.directory, id);
    mkdirSync(directory, { recursive: true });
    const group = new SessionGroup(directory, delegation.controllers);
    for (const { name, content, optional } of groupFiles(limits, delegation.controllers)) {
      const path = join(directory, name);
      if (!optional || existsSync(path)) writeFileSync(path, content);
    }
    return group;
  }

  /** Moves a process in; its children are born there. One that is gone already needs no limit. */
  add(pid: number): void {
    try {
      writeFileSync(join(this.directory, "cgroup.procs"), String(pid));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** How often each limit was reached since the session began. */
  hits(): LimitCounts {
    const read = (name: string, key: string): number =>
      eventCount(readFileSync(join(this.directory, name), "utf8"), key);
    try {
      return {
        ...(this.controllers.has("memory") ? { memory: read("memory.events", "oom_kill") } : {}),
        ...(this.controllers.has("pids") ? { processes: read("pids.events", "max") } : {}),
      };
    } catch {
      return {}; // The session has ended.
    }
  }

  kill(): void {
    killGroup(this.directory);
  }

  remove(): Promise<void> {
    return removeGroup(this.directory);
  }
}

/** Every process in it at once, whatever it forks meanwhile. Needs Linux 5.14; before, init's end does it alone. */
function killGroup(directory: string): void {
  try {
    writeFileSync(join(directory, "cgroup.kill"), "1");
  } catch {
    return;
  }
}

/** The kernel lets a group go once its last process has been reaped. */
export async function removeGroup(directory: string): Promise<void> {
  const deadline = performance.now() + REMOVE_MS_MAX;
  for (;;) {
    try {
      rmdirSync(directory);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EBUSY" || performance.now() > deadline) return;
    }
    await delay(REMOVE_POLL_MS);
  }
}

/** Groups of a predecessor that crashed, with whatever is still in them. */
export async function removeFormerGroups({ directory }: Delegation): Promise<void> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    killGroup(join(directory, entry.name));
    await removeGroup(join(directory, entry.name));
  }
}
