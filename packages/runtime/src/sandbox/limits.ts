/** Turns a session's limits into what the kernel enforces on each process. */
import type { Controller } from "../cgroup/delegation.js";
import type { AppliedLimits, SessionLimits } from "../limits.js";
import {
  getHardLimit,
  isNotPermitted,
  RLIMIT,
  setResourceLimit,
  withEffectiveUser,
} from "../platform/libc.js";
import type { HostUser } from "./spec.js";

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

/**
 * For a process that starts as this one's user and becomes `user` in a user namespace which that user owns. Root without
 * CAP_SYS_RESOURCE, as in many containers, may limit it before, as one of its own; and afterwards as `user`, since the owner of a
 * namespace has every capability in it. Between the two it is in the namespace and still root, when both will do.
 */
export function limitProcess(pid: number, limits: readonly ResourceLimit[], user: HostUser | null): void {
  const limitAll = (): void => {
    for (const { resource, value } of limits) setResourceLimit(pid, resource, value);
  };
  try {
    limitAll();
  } catch (error) {
    if (user === null || !isNotPermitted(error)) throw error;
    withEffectiveUser(user.uid, limitAll);
  }
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
    sessionOpenFiles: { value: limits.sessionOpenFiles, mechanism: "watch" },
    tmpBytes: { value: limits.tmpBytes, mechanism: "tmpfs" },
    tmpInodes: { value: limits.tmpInodes, mechanism: "tmpfs" },
  };
}

const PROGRAM_OPTIONS: Record<number, string> = {
  [RLIMIT.processes]: "nproc",
  [RLIMIT.data]: "data",
  [RLIMIT.fileSize]: "fsize",
  [RLIMIT.openFiles]: "nofile",
  [RLIMIT.core]: "core",
};

/** Arguments for prlimit(1), which then becomes the command that follows. */
export function limitArguments(limits: readonly ResourceLimit[]): string[] {
  return limits.map(
    ({ resource, value }) => `--${PROGRAM_OPTIONS[resource] ?? ""}=${String(value)}:${String(value)}`,
  );
}
