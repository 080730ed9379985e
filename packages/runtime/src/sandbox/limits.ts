/** Turns a session's limits into what the kernel enforces on each process. */
import type { Controller } from "../cgroup/delegation.js";
import type { AppliedLimits, SessionLimits } from "../limits.js";
import { getHardLimit, RLIMIT, setResourceLimit } from "../platform/libc.js";

export interface ResourceLimit {
  resource: number;
  value: number;
}

/** Processes of the runtime that count in a session: init, and what watches each command. */
export const OWN_PROCESSES = 1;
const CGROUP_SLACK = 16;

/** No process may raise a hard limit that this one has; root may, but a limit is not the place to show it. */
export function clampLimits(limits: SessionLimits): SessionLimits {
  return {
    ...limits,
    openFiles: Math.min(limits.openFiles, getHardLimit(RLIMIT.openFiles)),
    fileSizeBytes: Math.min(limits.fileSizeBytes, getHardLimit(RLIMIT.fileSize)),
    memoryBytes: Math.min(limits.memoryBytes, getHardLimit(RLIMIT.data)),
    maxProcesses: Math.min(limits.maxProcesses, getHardLimit(RLIMIT.processes)),
  };
}

/**
 * The number of processes becomes the limit of the user namespace that each command gets, which the kernel
 * compares with the count of the whole session (Linux 5.14; before, of all processes of the host user).
 */
export function resourceLimits(
  limits: SessionLimits,
  controllers: ReadonlySet<Controller> = new Set(),
): ResourceLimit[] {
  // The control group has to be the first to refuse, because it counts what it refused.
  const slack = controllers.has("pids") ? CGROUP_SLACK : 0;
  return [
    { resource: RLIMIT.processes, value: limits.maxProcesses + OWN_PROCESSES + slack },
    { resource: RLIMIT.data, value: limits.memoryBytes },
    { resource: RLIMIT.fileSize, value: limits.fileSizeBytes },
    { resource: RLIMIT.openFiles, value: limits.openFiles },
    // A core file would hold whatever the process had in memory, and fill the disk.
    { resource: RLIMIT.core, value: 0 },
  ];
}

export function limitProcess(pid: number, limits: readonly ResourceLimit[]): void {
  for (const { resource, value } of limits) setResourceLimit(pid, resource, value);
}

/** `controllers`: those of the session's control group; none without one. */
export function appliedLimits(
  limits: SessionLimits,
  controllers: ReadonlySet<Controller> = new Set(),
): AppliedLimits {
  const group = <Otherwise>(controller: Controller, otherwise: Otherwise): "cgroup" | Otherwise =>
    controllers.has(controller) ? "cgroup" : otherwise;
  return {
    maxProcesses: { value: limits.maxProcesses, mechanism: group("pids", "userns") },
    sessionMemoryBytes: { value: limits.sessionMemoryBytes, mechanism: group("memory", "watch") },
    swapBytes: { value: limits.swapBytes, mechanism: group("memory", "none") },
    cpuPercent: { value: limits.cpuPercent, mechanism: group("cpu", "priority") },
    memoryBytes: { value: limits.memoryBytes, mechanism: "rlimit" },
    fileSizeBytes: { value: limits.fileSizeBytes, mechanism: "rlimit" },
    openFiles: { value: limits.openFiles, mechanism: "rlimit" },
    tmpBytes: { value: limits.tmpBytes, mechanism: "tmpfs" },
    tmpInodes: { value: limits.tmpInodes, mechanism: "tmpfs" },
  };
}

const CAP_SYS_RESOURCE = 1n << 24n;

/**
 * Whether this process may set the limits of a process of `user`: one of its own user it may, another's only
 * with CAP_SYS_RESOURCE, which root lacks in many containers. `status` is `/proc/self/status`.
 */
export function mayLimit(user: unknown, status: string): boolean {
  if (user === null) return true;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (BigInt(`0x${effective}`) & CAP_SYS_RESOURCE) !== 0n;
}

const PROGRAM_OPTIONS: Record<number, string> = {
  [RLIMIT.processes]: "nproc",
  [RLIMIT.data]: "data",
  [RLIMIT.fileSize]: "fsize",
  [RLIMIT.openFiles]: "nofile",
  [RLIMIT.core]: "core",
};

/** Arguments for prlimit(1), which then becomes the command that follows: a process more to load, for want of a right. */
export function limitArguments(limits: readonly ResourceLimit[]): string[] {
  return limits.map(
    ({ resource, value }) => `--${PROGRAM_OPTIONS[resource] ?? ""}=${String(value)}:${String(value)}`,
  );
}
