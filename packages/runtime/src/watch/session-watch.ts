/** Holds one session to the limits that no part of the kernel holds it to here, and notes which it ran into. */
import { statfsSync } from "node:fs";
import { availableParallelism } from "node:os";
import {
  CPU_BUSY_NICE,
  CPU_BUSY_PERCENT,
  CPU_CROWD_NICE,
  CPU_CROWD_PROCESSES,
  CPU_WINDOW_MS,
  MEASURE_REST_MS_MAX,
  type AppliedLimits,
  type LimitName,
} from "../limits.js";
import { bytesOf, HeldFiles } from "./held-files.js";
import { hostPids, killProcess, lowerPriority } from "./host-processes.js";
import { measureProcesses, residentBytes, sessionMemory } from "./memory.js";
import { openDescriptors, readUsage, type ProcessUsage } from "./usage.js";

export interface Watched {
  limits: AppliedLimits;
  /** The session's `/proc`, as this process sees it; gone when the session is. */
  proc: string;
  /** The tmpfs of `/tmp` and `/dev/shm`, likewise. */
  tmp: string;
  /** `/proc/PID/ns/pid` of the session's processes. */
  pidNamespace: string;
}

export type LimitCounts = Partial<Record<LimitName, number>>;

/** What counts and is not seen here: keeper, init, what watches a command, and the one that gave up when it could not fork. */
const UNSEEN_PROCESSES = 4;

/** How far a session gives way that used so much of a processor, with so many processes that want one now; null: not at all. */
export function niceFor(use: { usedPercent: number; running: number; limitPercent: number }): number | null {
  if (use.running > CPU_CROWD_PROCESSES * availableParallelism()) return CPU_CROWD_NICE;
  return use.usedPercent > Math.min(use.limitPercent, CPU_BUSY_PERCENT) ? CPU_BUSY_NICE : null;
}

/** Which have to go, so that no more than so many descriptors are left: those with most first. */
export function beyondLimit(counted: readonly { pid: string; count: number }[], limit: number): string[] {
  let left = counted.reduce((sum, { count }) => sum + count, 0);
  const excess: string[] = [];
  for (const { pid, count } of [...counted].sort((a, b) => b.count - a.count)) {
    if (left <= limit) break;
    left -= count;
    excess.push(pid);
  }
  return excess;
}

export class SessionWatch {
  readonly #watched: Watched;
  readonly #heldFiles: HeldFiles;
  readonly #counts: LimitCounts = {};
  #cpu: { cpuMs: number; atMs: number } | null = null;
  /** A large process needs a moment to go; nobody else is killed meanwhile. */
  #dyingPid: string | null = null;
  #isMeasuring = false;
  #measureAgainAtMs = 0;

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#heldFiles = new HeldFiles(watched.proc);
  }

  /** Allocated, of files on the disk that have no name any more and are held open. Takes a moment at most, and is then what is known so far. */
  async unlinkedBytes(): Promise<number> {
    return bytesOf(await this.#heldFiles.in("disk"));
  }

  /** How often each limit was reached. */
  get counts(): Readonly<LimitCounts> {
    return this.#counts;
  }

  /** Looks once. `thorough`: memory is measured exactly whatever the cheap figure says. Never throws. */
  look(thorough: boolean): void {
    try {
      this.#lookAtTmp();
      const usage = readUsage(this.#watched.proc);
      if (usage.length === 0) return;
      this.#lookAtProcesses(usage);
      this.#lookAtDescriptors(usage);
      this.#lookAtProcessor(usage);
      this.#lookAtMemory(usage, thorough);
    } catch {
      return; // A session that ends meanwhile needs no watch.
    }
  }

  #hit(name: LimitName): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  #lookAtTmp(): void {
    const { bavail, ffree } = statfsSync(this.#watched.tmp);
    if (bavail === 0 || ffree === 0) this.#hit("tmp");
  }

  #lookAtProcesses(usage: readonly ProcessUsage[]): void {
    const { value, mechanism } = this.#watched.limits.maxProcesses;
    if (mechanism === "cgroup") return;
    const threads = usage.reduce((sum, process) => sum + process.threads, 0);
    if (threads >= value - UNSEEN_PROCESSES) this.#hit("processes");
  }

  /** Those with most of them go, until the others are within the limit. */
  #lookAtDescriptors(usage: readonly ProcessUsage[]): void {
    const { value } = this.#watched.limits.sessionOpenFiles;
    const counted = usage.map(({ pid }) => ({ pid, count: openDescriptors(this.#watched.proc, pid) }));
    const excess = beyondLimit(counted, value);
    if (excess.length === 0) return;
    this.#hit("open_files");
    const pids = hostPids(this.#watched.pidNamespace);
    for (const pid of excess) killProcess(pids.get(pid));
  }

  /**
   * Nothing but a control group can hold processes to a share of the processor without their noticing. But those who use
   * much can be made to give way: the others then hardly notice.
   */
  #lookAtProcessor(usage: readonly ProcessUsage[]): void {
    const { value, mechanism } = this.#watched.limits.cpuPercent;
    if (mechanism !== "priority") return;
    const now = { cpuMs: usage.reduce((sum, process) => sum + process.cpuMs, 0), atMs: performance.now() };
    this.#cpu ??= now;
    const elapsedMs = now.atMs - this.#cpu.atMs;
    const running = usage.filter(({ isRunning }) => isRunning).length;
    const isWindowOver = elapsedMs >= CPU_WINDOW_MS;
    // Over less time the figure says nothing; a crowd does not wait for it.
    const usedPercent = isWindowOver ? (100 * (now.cpuMs - this.#cpu.cpuMs)) / elapsedMs : 0;
    if (isWindowOver) this.#cpu = now;
    const wanted = niceFor({ usedPercent, running, limitPercent: value });
    if (wanted !== null && usage.some(({ nice }) => nice < wanted))
      lowerPriority(hostPids(this.#watched.pidNamespace).values(), wanted);
  }

  #lookAtMemory(usage: readonly ProcessUsage[], thorough: boolean): void {
    const { value, mechanism } = this.#watched.limits.sessionMemoryBytes;
    if (mechanism !== "watch" || this.#isMeasuring) return;
    if (usage.some(({ pid }) => pid === this.#dyingPid)) return;
    this.#dyingPid = null;
    if (!thorough && residentBytes(usage) <= value) return;
    if (performance.now() < this.#measureAgainAtMs) return;
    this.#isMeasuring = true;
    this.#measure(usage, value)
      // What could not be read now, for want of descriptors in this process, is read at the next look.
      .catch(() => undefined)
      .finally(() => {
        this.#isMeasuring = false;
      });
  }

  async #measure(usage: readonly ProcessUsage[], limitBytes: number): Promise<void> {
    const startedAtMs = performance.now();
    const processes = await measureProcesses(this.#watched.proc, usage, limitBytes);
    const own = sessionMemory(processes, []);
    // What processes show is enough, or else what they hide counts too.
    const { bytes, largest } =
      own.bytes > limitBytes ? own : sessionMemory(processes, await this.#heldFiles.in("memory"));
    const endedAtMs = performance.now();
    this.#measureAgainAtMs = endedAtMs + Math.min(endedAtMs - startedAtMs, MEASURE_REST_MS_MAX);
    if (bytes <= limitBytes || largest === null) return;
    this.#dyingPid = largest.pid;
    this.#hit("memory");
    killProcess(hostPids(this.#watched.pidNamespace).get(largest.pid));
  }
}
