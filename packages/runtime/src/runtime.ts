import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { isMainThread } from "node:worker_threads";
import type { NetworkMode, RuntimeOptions, Session, SessionSpec } from "./api.js";
import { takeDelegation, type Delegation } from "./cgroup/delegation.js";
import { removeFormerGroups, removeGroup, SessionGroup } from "./cgroup/group.js";
import { RuntimeError } from "./errors.js";
import { makeDirectory } from "./platform/directory.js";
import { tryLock } from "./platform/libc.js";
import { NAT_RESOLV, prepareEtc } from "./sandbox/etc.js";
import { readHostRoot, type RootEntry } from "./sandbox/host-root.js";
import { clampLimits } from "./sandbox/limits.js";
import { seccompFilters, type SeccompFilters } from "./sandbox/seccomp/policy.js";
import { currentArchitecture } from "./sandbox/seccomp/syscalls.js";
import { checkSession, hostUser, sessionLimits } from "./sandbox/spec.js";
import { IdMaps } from "./session/id-maps.js";
import { recoverSessions } from "./session/recovery.js";
import { SandboxSession } from "./session/session.js";
import { Watches } from "./watch/watches.js";

const NETWORKS_DEFAULT: NetworkMode[] = ["none", "nat"];

/** Without a network a name server changes nothing: it is as unreachable as everything else. */
function resolvOf(network: NetworkMode): string {
  if (network !== "host") return NAT_RESOLV;
  try {
    return readFileSync("/etc/resolv.conf", "utf8");
  } catch {
    return "";
  }
}

function takeLock(runDirectory: string): number {
  const fd = openSync(join(runDirectory, "lock"), "w", 0o600);
  if (tryLock(fd)) return fd;
  closeSync(fd);
  throw new RuntimeError("run_directory_in_use", `another process runs sessions in ${runDirectory}`, {
    runDirectory,
  });
}

function filtersForThisMachine(): SeccompFilters {
  const architecture = currentArchitecture();
  if (architecture !== null) return seccompFilters(architecture);
  throw new RuntimeError("sandbox_unavailable", `there is no system call policy for ${process.arch}`, {
    remedy: "run on x86_64 or aarch64",
  });
}

/** Named after the run directory, whose lock tells that no other process uses it. */
function delegationFor(options: RuntimeOptions): Delegation | null {
  const { cgroupDirectory, runDirectory } = options;
  if (cgroupDirectory === null) return null;
  const name = `chaser-${createHash("sha256").update(runDirectory).digest("hex").slice(0, 16)}`;
  const taken = takeDelegation(name, cgroupDirectory);
  return "cause" in taken ? null : taken;
}

/** Runs sandbox sessions. One a run directory; everything it started ends with it, however it ends. */
export class Runtime implements AsyncDisposable {
  readonly #sessions = new Map<string, SandboxSession>();
  /** Ids between the check and the start. */
  readonly #starting = new Map<string, Promise<unknown>>();
  readonly #root: readonly RootEntry[] = readHostRoot();
  readonly #idMaps = new IdMaps();
  readonly #watches = new Watches();
  #closed: Promise<void> | null = null;

  private constructor(
    private readonly runDirectory: string,
    private readonly networks: readonly NetworkMode[],
    private readonly lockFd: number,
    private readonly seccomp: SeccompFilters,
    private readonly delegation: Delegation | null,
  ) {}

  /**
   * Codes `run_directory_in_use`, `invalid_argument`, `sandbox_unavailable` (no policy for this architecture, or not the main thread).
   * Whether the machine can run sandboxes is found out by `probe` or by the first session.
   */
  static async open(options: RuntimeOptions): Promise<Runtime> {
    const { runDirectory } = options;
    if (!isAbsolute(runDirectory)) {
      throw new RuntimeError(
        "invalid_argument",
        `run directory ${JSON.stringify(runDirectory)} is not absolute`,
      );
    }
    if (!isMainThread) {
      throw new RuntimeError("sandbox_unavailable", "sessions can be started from the main thread only");
    }
    const networks = options.allowedNetworks ?? NETWORKS_DEFAULT;
    const seccomp = filtersForThisMachine();
    // Sessions of root's run as other users, who have to pass; what is in it is not for anyone to list.
    makeDirectory(runDirectory, process.getuid?.() === 0 ? 0o711 : 0o700);
    const lockFd = takeLock(runDirectory);
    try {
      const delegation = delegationFor(options);
      if (delegation !== null) await removeFormerGroups(delegation);
      const runtime = new Runtime(runDirectory, networks, lockFd, seccomp, delegation);
      makeDirectory(runtime.#sessionsDirectory, 0o711);
      await recoverSessions(runtime.#sessionsDirectory);
      for (const network of networks) prepareEtc(runtime.#etc(network), resolvOf(network));
      return runtime;
    } catch (error) {
      closeSync(lockFd);
      throw error;
    }
  }

  /**
   * Starts a session on a disk. Codes `invalid_argument`, `session_exists`, `network_not_allowed`,
   * `network_unavailable`, `sandbox_unavailable`, `runtime_closed`. After an error nothing of it is left.
   */
  async startSession(spec: SessionSpec): Promise<Session> {
    if (this.#closed !== null) throw new RuntimeError("runtime_closed", "the runtime is closed");
    checkSession(spec);
    const network = spec.network ?? "none";
    if (!this.networks.includes(network)) {
      throw new RuntimeError("network_not_allowed", `network ${network} is not allowed here`, {
        allowed: this.networks,
      });
    }
    if (this.#sessions.has(spec.id) || this.#starting.has(spec.id)) {
      throw new RuntimeError("session_exists", `session ${spec.id} is running`, { id: spec.id });
    }
    const limits = clampLimits(sessionLimits(spec.limits));
    const start = SandboxSession.start(spec, {
      directory: join(this.#sessionsDirectory, spec.id),
      etc: this.#etc(network),
      root: this.#root,
      seccomp: this.seccomp,
      user: hostUser(spec, process.getuid?.() ?? 0),
      network,
      idMap: (from, to) => this.#idMaps.get(from, to),
      limits,
      group: this.delegation === null ? null : SessionGroup.make(this.delegation, spec.id, limits),
    });
    this.#starting.set(spec.id, start);
    try {
      const session = await start;
      this.#sessions.set(spec.id, session);
      this.#watches.add(session.watch);
      void session.ended.then(() => {
        this.#sessions.delete(spec.id);
        this.#watches.delete(session.watch);
      });
      return session;
    } finally {
      this.#starting.delete(spec.id);
    }
  }

  /** The sessions that have not ended. */
  sessions(): Session[] {
    return [...this.#sessions.values()];
  }

  /** Ends all sessions. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #sessionsDirectory(): string {
    return join(this.runDirectory, "sessions");
  }

  #etc(network: NetworkMode): string {
    return join(this.runDirectory, "etc", network === "host" ? "host" : "own");
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#starting.values());
    await Promise.all([...this.#sessions.values()].map((session) => session.end()));
    await this.#idMaps.close();
    if (this.delegation !== null) await removeGroup(this.delegation.directory);
    closeSync(this.lockFd);
  }
}
