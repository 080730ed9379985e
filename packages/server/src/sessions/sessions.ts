import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  isAllowed,
  isWorkspaceEmpty,
  type Command,
  type EgressRule,
  type Image,
  type Images,
  type NetworkMode,
  type Runtime,
} from "@chaser/runtime";
import type { DiskAttachment } from "@chaser/store";
import type { Quota } from "../billing/quota.js";
import type { Database } from "../db/database.js";
import type { AccountRow, SessionRow, WorkspaceRow } from "../db/tables.js";
import { ServerError, toServerError } from "../errors.js";
import type { KeyedLock } from "../keyed-lock.js";
import { cleaningBytesMax, fetchAgainMsMax, sessionTtlSecondsDefault } from "../limits.js";
import type { Logger } from "../log.js";
import type { Page, PageRequest } from "../paging.js";
import type { AccountStores } from "../stores/account-stores.js";
import { fetchRepository, type ImportPolicy } from "../imports/policy.js";
import { initialDirectories } from "../workspaces/disk-layout.js";
import { ActiveSession } from "./active-session.js";
import { SessionGrowth } from "./growth.js";
import type { KeptCommands } from "./kept-commands.js";
import { SessionRecords, type SessionFilter } from "./session-records.js";
import type { Uploads } from "./uploads.js";

export type EndReason =
  | "requested"
  | "idle"
  | "restore"
  | "workspace_deleted"
  | "sandbox_ended"
  | "server_stopped"
  | "finished"
  | "over_quota"
  | "unmeasured"
  | "import";

/** A session that someone is using. Call `release` when done, or it never counts as idle. */
export interface Lease {
  session: ActiveSession;
  created: boolean;
  release: () => void;
}

/** Said once, to who had the session started. */
export function warningsOf({ created, session }: Lease): string[] {
  return created ? session.warnings : [];
}

interface Dependencies {
  /** Fetches an imported repository again into an empty workspace. */
  imports: ImportPolicy;
  db: Database;
  stores: AccountStores;
  runtime: Runtime;
  images: Images;
  quota: Quota;
  locks: KeyedLock;
  /** Where commands go on to be known when their session has ended. */
  commands: KeptCommands;
  uploads: Uploads;
  network: NetworkMode;
  /** What sandboxes reach at most. */
  egress: EgressRule[] | undefined;
  log: Logger;
}

/** What a session may be given when it starts. One that runs already keeps what it has. */
export interface SessionWishes {
  /** Whoever asks has gone: an image is not waited for any longer. */
  signal?: AbortSignal | undefined;
  ttlSeconds?: number | undefined;
  /** The only hosts that it reaches, of those that the operator allows. */
  egress?: EgressRule[] | undefined;
}

/** Running sandboxes and the record of those that ran. A workspace has at most one at a time. */
export class Sessions {
  readonly #on: Dependencies;
  readonly #active = new Map<string, ActiveSession>();
  /** Those that do the server's own work and that nobody can use, see or end. */
  readonly #apart = new Set<ActiveSession>();
  /** Accounts by the ids of sessions that are being started: each counts from when it is asked for. */
  readonly #starting = new Map<string, string>();
  readonly #growth: SessionGrowth;
  readonly #records: SessionRecords;
  #closing = false;

  constructor(dependencies: Dependencies) {
    this.#on = dependencies;
    const { db, quota, log } = dependencies;
    this.#records = new SessionRecords(db);
    this.#growth = new SessionGrowth({
      quota,
      log,
      stop: (session, reason, endReason) => {
        session.stoppedBy ??= reason;
        void (this.#apart.has(session) ? this.#endApart(session) : this.end(session, endReason));
      },
    });
  }

  get activeCount(): number {
    return this.#active.size;
  }

  /** The session that runs on a workspace, if any. */
  activeOn(workspaceId: string): ActiveSession | undefined {
    for (const session of this.#active.values()) if (session.workspaceId === workspaceId) return session;
    return undefined;
  }

  /** The same, but one that is about to end counts as ended, after waiting for it. */
  async settledOn(workspaceId: string): Promise<ActiveSession | undefined> {
    const session = this.activeOn(workspaceId);
    if (session?.ending === undefined) return session;
    await session.ending;
    return undefined;
  }

  /** The session of a workspace: the running one, or a new one. */
  async leaseFor(account: AccountRow, workspace: WorkspaceRow, wishes: SessionWishes = {}): Promise<Lease> {
    const running = this.#reuse(workspace.id, wishes);
    if (running !== undefined) return running;
    // Before the lock: it may take as long as a registry likes, and others wait for the workspace.
    const image = await this.#imageOf(workspace, wishes.signal);
    return this.#on.locks.short(workspace.id, async () => {
      const sinceStarted = this.#reuse(workspace.id, wishes);
      if (sinceStarted !== undefined) return sinceStarted;
      await this.settledOn(workspace.id);
      const disk = { workspaceId: workspace.id, diskId: workspace.id, image };
      let session = await this.#start(account, disk, wishes);
      const fetched = await this.#fetchAgain(account, workspace, session);
      if (fetched !== null) {
        session = await this.#start(account, disk, wishes);
        session.warnings.push(...fetched.warnings);
      }
      return { session, created: true, release: session.use() };
    });
  }

  #reuse(workspaceId: string, { ttlSeconds, egress }: SessionWishes): Lease | undefined {
    const session = this.activeOn(workspaceId);
    if (session === undefined || session.ending !== undefined) return undefined;
    if (egress !== undefined && !isDeepStrictEqual(egress, session.egress))
      throw new ServerError("session_active", `session ${session.id} runs on it with another list of hosts`, {
        details: { session_id: session.id },
        suggestion: "end it first, or leave egress out to use it as it is",
      });
    if (ttlSeconds !== undefined) session.ttlMs = ttlSeconds * 1000;
    return { session, created: false, release: session.use() };
  }

  /** A session on an empty disk of its own that goes when the session ends. `image`: what a reference means now. */
  async leaseEphemeral(
    account: AccountRow,
    { image: reference, ...wishes }: SessionWishes & { image?: string | undefined } = {},
  ): Promise<Lease> {
    const { signal } = wishes;
    const image =
      reference === undefined ? null : await this.#on.images.pull(reference, { owner: account.id, signal });
    const disk = { workspaceId: null, diskId: randomUUID(), image };
    const session = await this.#start(account, disk, wishes);
    return { session, created: true, release: session.use() };
  }

  /**
   * Ends the session and fetches its workspace again where that was imported and is empty; else null. A failure is no reason to keep
   * anyone from an empty workspace, but one to tell them.
   */
  async #fetchAgain(
    account: AccountRow,
    workspace: WorkspaceRow,
    session: ActiveSession,
  ): Promise<{ warnings: string[] } | null> {
    const { github_repo: repository, github_ref: ref } = workspace;
    if (repository === null || !(await isWorkspaceEmpty((spec) => session.start(spec)))) return null;
    await this.end(session, "import");
    const { imports, log } = this.#on;
    try {
      await this.#on.locks.longWithin(workspace.id, "a fetch of the repository", () =>
        this.apart(account, workspace.id, imports.network, (apart) =>
          fetchRepository(imports, apart, { repository, ref, timeoutMs: fetchAgainMsMax }),
        ),
      );
      return { warnings: [] };
    } catch (error) {
      log.error("fetch_again", error, { workspace_id: workspace.id });
      const reason = toServerError(error).message;
      return { warnings: [`/workspace is empty: ${repository} could not be fetched again: ${reason}`] };
    }
  }

  /**
   * Runs `work` in a session that nobody else can use or see, on a disk that no other session is on, with a network of its own choice. It
   * counts as one of the account's, and what it writes is held to the same caps.
   */
  async apart<Result>(
    account: AccountRow,
    diskId: string,
    network: NetworkMode,
    work: (session: ActiveSession) => Promise<Result>,
  ): Promise<Result> {
    const session = await this.#startApart(account, diskId, network);
    try {
      return await work(session);
    } catch (error) {
      throw session.stoppedBy ?? error;
    } finally {
      await this.#endApart(session);
    }
  }

  async #startApart(account: AccountRow, diskId: string, network: NetworkMode): Promise<ActiveSession> {
    this.#assertMayStart(account);
    const { stores, runtime, quota } = this.#on;
    const id = randomUUID();
    this.#starting.set(id, account.id);
    let attachment: DiskAttachment | undefined;
    try {
      const store = await stores.get(account);
      await quota.assertRoom(account);
      await quota.assertDiskRoom(account, diskId);
      attachment = await store.disks.attach(diskId);
      const sandbox = await runtime.startSession({
        id,
        mount: attachment.mount,
        network,
        ...(account.host_uid === null ? {} : { hostUid: account.host_uid, hostGid: account.host_uid }),
      });
      const session = new ActiveSession({
        account,
        workspaceId: null,
        sandbox,
        attachment,
        imageDigest: null,
        ttlMs: Infinity,
      });
      this.#apart.add(session);
      this.#growth.watch(session, store);
      return session;
    } catch (error) {
      await attachment?.detach();
      throw error;
    } finally {
      this.#starting.delete(id);
    }
  }

  #endApart(session: ActiveSession): Promise<void> {
    return (session.ending ??= session
      .shutDown()
      .catch((error: unknown) => this.#on.log.error("session_end", error, { session_id: session.id }))
      .finally(() => {
        this.#growth.forget(session);
        this.#apart.delete(session);
      }));
  }

  /** A running session of the account, by id. */
  lease(account: AccountRow, id: string): Lease {
    const session = this.running(account, id);
    return { session, created: false, release: session.use() };
  }

  /** The same for a look at it, which is no use. Code `not_found`. */
  running(account: AccountRow, id: string): ActiveSession {
    const session = this.#active.get(id);
    if (session === undefined || session.account.id !== account.id)
      throw new ServerError("not_found", `no active session ${id}`, {
        suggestion: "run the command on the workspace instead; a session is started for it",
      });
    if (session.ending !== undefined)
      throw new ServerError("not_found", `session ${id} is ending`, { suggestion: "start a new one" });
    return session;
  }

  /** The same; undefined for one that has ended, after waiting for its end. Code `not_found` for one that never was. */
  async settled(account: AccountRow, id: string): Promise<ActiveSession | undefined> {
    const session = this.#active.get(id);
    if (session === undefined || session.account.id !== account.id) {
      await this.#records.get(account, id);
      return undefined;
    }
    if (session.ending === undefined) return session;
    await session.ending;
    return undefined;
  }

  /** A command of a running session of the account, wherever it is. */
  findCommand(account: AccountRow, id: string): { session: ActiveSession; command: Command } | undefined {
    for (const session of this.#active.values()) {
      const command = session.account.id === account.id ? session.findCommand(id) : undefined;
      if (command !== undefined) return { session, command };
    }
    return undefined;
  }

  /**
   * The row comes before the disk and the sandbox, so that after a crash there is always something to clean up by.
   * What fails half way is undone in the opposite order.
   */
  async #start(
    account: AccountRow,
    { workspaceId, diskId, image }: { workspaceId: string | null; diskId: string; image: Image | null },
    { ttlSeconds = sessionTtlSecondsDefault, egress: wished }: SessionWishes,
  ): Promise<ActiveSession> {
    this.#assertMayStart(account);
    const { stores, runtime, quota, network } = this.#on;
    const egress = this.#allowedEgress(wished);
    const id = randomUUID();
    this.#starting.set(id, account.id);
    const undo: (() => Promise<unknown>)[] = [];
    try {
      const store = await stores.get(account);
      await quota.assertRoom(account, workspaceId === null ? 0 : cleaningBytesMax);
      if (workspaceId !== null) await quota.assertDiskRoom(account, diskId);
      await this.#records.insert({ id, account, workspaceId, diskId, ttlSeconds });
      undo.push(() => this.#records.delete(id));
      if (workspaceId === null) {
        await store.disks.create({ id: diskId, directories: initialDirectories });
        undo.push(() => store.disks.delete(diskId));
      }
      const attachment = await store.disks.attach(diskId);
      undo.push(() => attachment.detach());
      const { layersDirectory, owner } = this.#on.images;
      const sandbox = await runtime.startSession({
        id,
        ...(image === null
          ? {}
          : { image: { image, layersDirectory, owner, changes: await attachment.changes() } }),
        mount: attachment.mount,
        network,
        ...(egress === undefined ? {} : { egress }),
        ...(account.host_uid === null ? {} : { hostUid: account.host_uid, hostGid: account.host_uid }),
      });
      undo.push(() => sandbox.end());
      await this.#records.started(id, workspaceId, sandbox.limits);
      const ttlMs = ttlSeconds * 1000;
      const session = new ActiveSession({
        account,
        workspaceId,
        sandbox,
        attachment,
        imageDigest: image?.digest ?? null,
        ttlMs,
        egress: wished,
      });
      if (workspaceId !== null) await this.#on.uploads.removeLeftovers(session);
      this.#active.set(id, session);
      this.#growth.watch(session, store);
      void session.ended.then(() => this.end(session, "sandbox_ended"));
      return session;
    } catch (error) {
      for (const step of undo.reverse()) await step().catch((e: unknown) => this.#on.log.error("undo", e));
      throw error;
    } finally {
      this.#starting.delete(id);
    }
  }

  /** A session may be given less than the operator allows, never more. Code `invalid_request`. */
  #allowedEgress(wished: EgressRule[] | undefined): EgressRule[] | undefined {
    const { network, egress: allowed } = this.#on;
    if (wished === undefined || network === "none") return allowed;
    if (network === "host")
      throw new ServerError("invalid_request", "egress: sandboxes use this machine's network as it is", {
        details: { path: "egress" },
      });
    const beyond = wished.find(({ host, port }) => allowed !== undefined && !isAllowed(allowed, host, port));
    if (beyond === undefined) return wished;
    throw new ServerError("invalid_request", `egress: ${beyond.host}:${beyond.port} is not allowed here`, {
      details: { path: "egress", allowed },
    });
  }

  async #imageOf(workspace: WorkspaceRow, signal: AbortSignal | undefined): Promise<Image | null> {
    const { account_id: owner, image: reference, image_digest: digest } = workspace;
    if (reference === null || digest === null) return null;
    return this.#on.images.provide({ reference, digest }, { owner, signal });
  }

  /** Digests of the images under running sessions. */
  imageDigests(): string[] {
    return [...this.#active.values()].flatMap(({ imageDigest }) =>
      imageDigest === null ? [] : [imageDigest],
    );
  }

  #assertMayStart(account: AccountRow): void {
    if (this.#closing) throw new ServerError("shutting_down", "the server is shutting down");
    const sessionsMax = this.#on.quota.plan.sessionsMax;
    const those = [...this.#active.values(), ...this.#apart].map((session) => session.account.id);
    const running = [...those, ...this.#starting.values()].filter((id) => id === account.id).length;
    if (running >= sessionsMax)
      throw new ServerError("limit_exceeded", `${running} of at most ${sessionsMax} sessions are running`, {
        details: { sessions: running, sessions_max: sessionsMax },
        suggestion: "end one with `chaser sessions stop ID`",
      });
  }

  /** Ends a session. Idempotent, never rejects; every caller waits for the same end. Whoever must exclude others holds the workspace's lock. */
  end(session: ActiveSession, reason: EndReason): Promise<void> {
    return (session.ending ??= this.#end(session, reason));
  }

  async #end(session: ActiveSession, reason: EndReason): Promise<void> {
    const { stores, commands, log } = this.#on;
    this.#growth.forget(session);
    try {
      await session.shutDown();
      if (session.workspaceId === null)
        await (await stores.get(session.account)).disks.delete(session.diskId);
    } catch (error) {
      log.error("session_end", error, { session_id: session.id });
    }
    await commands
      .keep(session)
      .catch((error: unknown) => log.error("keep_commands", error, { session_id: session.id }));
    const { lastUsedMs, limitsHit } = session;
    await this.#records
      .ended(session.id, { reason, lastUsedMs, limitsHit })
      .catch((error: unknown) => log.error("record_end", error, { session_id: session.id }));
    this.#active.delete(session.id);
  }

  /** Ends a session on request. One that has ended already stays so. Code `not_found`. */
  async stop(account: AccountRow, id: string): Promise<SessionRow> {
    const session = this.#active.get(id);
    if (session !== undefined && session.account.id === account.id)
      await this.#on.locks.short(session.workspaceId ?? session.id, () => this.end(session, "requested"));
    return this.get(account, id);
  }

  async get(account: AccountRow, id: string): Promise<SessionRow> {
    return this.#asOfNow(await this.#records.get(account, id));
  }

  async list(account: AccountRow, filter: SessionFilter, request: PageRequest): Promise<Page<SessionRow>> {
    const found = await this.#records.list(account, filter, request);
    return { ...found, rows: found.rows.map((row) => this.#asOfNow(row)) };
  }

  /** What changes while a session runs is in memory. */
  #asOfNow(row: SessionRow): SessionRow {
    const session = this.#active.get(row.id);
    if (session === undefined) return row;
    const limitsHit = JSON.stringify(session.limitsHit);
    return {
      ...row,
      last_used_at: session.lastUsedMs,
      ttl_seconds: session.ttlMs / 1000,
      limits_hit: limitsHit,
    };
  }

  activeIds(account: AccountRow): string[] {
    const ids: string[] = [];
    for (const session of this.#active.values()) if (session.account.id === account.id) ids.push(session.id);
    return ids;
  }

  /** Ends the sessions that nobody has used for their time to live, and writes down the ends that could not be before. */
  async sweep(nowMs: number): Promise<void> {
    const idle = [...this.#active.values()].filter((session) => session.isIdle(nowMs));
    // Beside each other: what holds one workspace must not keep the idle sessions of others alive.
    const ends = idle.map((session) =>
      this.#on.locks.short(session.workspaceId ?? session.id, async () => {
        if (session.isIdle(nowMs)) await this.end(session, "idle");
      }),
    );
    await Promise.all(ends);
    await this.#records.recordEnds();
  }

  /** Forgets sessions that ended long ago. */
  prune(nowMs: number): Promise<void> {
    return this.#records.prune(nowMs);
  }

  /** Ends everything and lets nothing new start. Idempotent. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([
      ...[...this.#active.values()].map((session) => this.end(session, "server_stopped")),
      ...[...this.#apart].map((session) => this.#endApart(session)),
    ]);
  }
}
