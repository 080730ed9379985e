import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  isAllowed,
  isWorkspaceEmpty,
  type EgressRule,
  type Image,
  type Images,
  type NetworkMode,
  type Runtime,
} from "@chaser/runtime";
import type { Store } from "@chaser/store";
import type { Quota } from "../billing/quota.js";
import type { Database } from "../db/database.js";
import type { AccountRow, SessionRow, WorkspaceRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import type { KeyedLock } from "../keyed-lock.js";
import { cleaningBytesMax, fetchAgainMsMax, sessionTtlSecondsDefault } from "../limits.js";
import type { Logger } from "../log.js";
import { page, type Page, type PageRequest } from "../paging.js";
import type { AccountStores } from "../stores/account-stores.js";
import { fetchRepository, type ImportPolicy } from "../imports/policy.js";
import { imageRootDirectories, initialDirectories } from "../workspaces/disk-layout.js";
import { ActiveSession, type SessionRoot } from "./active-session.js";
import { SessionGrowth } from "./growth.js";

export type EndReason =
  | "requested"
  | "idle"
  | "restore"
  | "workspace_deleted"
  | "sandbox_ended"
  | "server_stopped"
  | "finished"
  | "over_quota"
  | "import";

/** A session that someone is using. Call `release` when done, or it never counts as idle. */
export interface Lease {
  session: ActiveSession;
  created: boolean;
  release: () => void;
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
  network: NetworkMode;
  /** What sandboxes reach at most. */
  egress: EgressRule[] | undefined;
  log: Logger;
}

/** What a session may be given when it starts. One that runs already keeps what it has. */
export interface SessionWishes {
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
  readonly #growth: SessionGrowth;
  #closing = false;

  constructor(dependencies: Dependencies) {
    this.#on = dependencies;
    const { quota, log } = dependencies;
    this.#growth = new SessionGrowth({
      quota,
      log,
      stop: (session, reason) => {
        session.stoppedBy = reason;
        void (this.#apart.has(session) ? this.#endApart(session) : this.end(session, "over_quota"));
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
    return this.#on.locks.short(workspace.id, async () => {
      const sinceStarted = this.#reuse(workspace.id, wishes);
      if (sinceStarted !== undefined) return sinceStarted;
      await this.settledOn(workspace.id);
      const image = await this.#imageOf(workspace);
      const disk = { workspaceId: workspace.id, diskId: workspace.id, image };
      let session = await this.#start(account, disk, wishes);
      if (await this.#fetchAgain(account, workspace, session))
        session = await this.#start(account, disk, wishes);
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
    const image = reference === undefined ? null : await this.#on.images.pull(reference);
    const disk = { workspaceId: null, diskId: randomUUID(), image };
    const session = await this.#start(account, disk, wishes);
    return { session, created: true, release: session.use() };
  }

  /**
   * Whether the session was ended because its workspace, imported and empty, was fetched again, or could not be. A failure is no
   * reason to keep anyone from an empty workspace.
   */
  async #fetchAgain(account: AccountRow, workspace: WorkspaceRow, session: ActiveSession): Promise<boolean> {
    const { github_repo: repository, github_ref: ref } = workspace;
    if (repository === null || !(await isWorkspaceEmpty((spec) => session.start(spec)))) return false;
    await this.end(session, "import");
    const { imports, log } = this.#on;
    try {
      await this.apart(account, workspace.id, imports.network, (apart) =>
        fetchRepository(imports, apart, { repository, ref, timeoutMs: fetchAgainMsMax }),
      );
    } catch (error) {
      log.error("fetch_again", error, { workspace_id: workspace.id });
    }
    return true;
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
    this.#assertMayStart(account);
    const { stores, runtime, quota } = this.#on;
    const store = await stores.get(account);
    await quota.assertRoom(account);
    await quota.assertDiskRoom(account, diskId);
    const attachment = await store.disks.attach(diskId);
    let session: ActiveSession;
    try {
      const sandbox = await runtime.startSession({
        id: randomUUID(),
        mount: attachment.mount,
        network,
        ...(account.host_uid === null ? {} : { hostUid: account.host_uid, hostGid: account.host_uid }),
      });
      session = new ActiveSession({
        account,
        workspaceId: null,
        sandbox,
        attachment,
        root: null,
        ttlMs: Infinity,
      });
    } catch (error) {
      await attachment.detach();
      throw error;
    }
    this.#apart.add(session);
    this.#growth.watch(session, store);
    try {
      return await work(session);
    } catch (error) {
      throw session.stoppedBy ?? error;
    } finally {
      await this.#endApart(session);
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
    const { db, stores, runtime, quota, network } = this.#on;
    const egress = this.#allowedEgress(wished);
    const store = await stores.get(account);
    await quota.assertRoom(account, workspaceId === null ? 0 : cleaningBytesMax);
    if (workspaceId !== null) await quota.assertDiskRoom(account, diskId);

    const id = randomUUID();
    const undo: (() => Promise<unknown>)[] = [];
    try {
      await this.#insertRow({ id, account, workspaceId, diskId, ttlSeconds });
      undo.push(() => db.query.deleteFrom("sessions").where("id", "=", id).execute());
      if (workspaceId === null) {
        await store.disks.create({ id: diskId, directories: initialDirectories });
        undo.push(() => store.disks.delete(diskId));
      }
      const attachment = await store.disks.attach(diskId);
      undo.push(() => attachment.detach());
      const root = image === null ? null : await this.#rootFor(store, image);
      if (root !== null) undo.push(() => root.remove());
      const sandbox = await runtime.startSession({
        id,
        ...(root === null ? {} : { image: root.image }),
        mount: attachment.mount,
        network,
        ...(egress === undefined ? {} : { egress }),
        ...(account.host_uid === null ? {} : { hostUid: account.host_uid, hostGid: account.host_uid }),
      });
      undo.push(() => sandbox.end());
      await db.query
        .updateTable("sessions")
        .set({ limits: JSON.stringify(sandbox.limits) })
        .where("id", "=", id)
        .execute();
      if (workspaceId !== null)
        await db.query
          .updateTable("workspaces")
          .set({ last_session_id: id })
          .where("id", "=", workspaceId)
          .execute();
      const ttlMs = ttlSeconds * 1000;
      const session = new ActiveSession({
        account,
        workspaceId,
        sandbox,
        attachment,
        root,
        ttlMs,
        egress: wished,
      });
      this.#active.set(id, session);
      this.#growth.watch(session, store);
      void session.ended.then(() => this.end(session, "sandbox_ended"));
      return session;
    } catch (error) {
      for (const step of undo.reverse()) await step().catch((e: unknown) => this.#on.log.error("undo", e));
      throw error;
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

  async #imageOf({ image, image_digest: digest }: WorkspaceRow): Promise<Image | null> {
    return image === null || digest === null ? null : this.#on.images.provide({ reference: image, digest });
  }

  /** Digests of the images under running sessions. */
  imageDigests(): string[] {
    return [...this.#active.values()].flatMap(({ imageDigest }) =>
      imageDigest === null ? [] : [imageDigest],
    );
  }

  /**
   * What commands change of an image goes to a disk of its own that ends with the session: in the account's store, so that it
   * counts for its cap, and so that whatever a crash leaves is removed as any disk that no workspace owns.
   */
  async #rootFor(store: Store, image: Image): Promise<SessionRoot> {
    const { layersDirectory, owner } = this.#on.images;
    const id = randomUUID();
    await store.disks.create({ id, driver: "directory", directories: imageRootDirectories });
    try {
      const attachment = await store.disks.attach(id);
      const place = attachment.mount.driver === "directory" ? attachment.mount.path : "";
      return {
        image: { image, layersDirectory, owner, upper: `${place}/upper`, work: `${place}/work` },
        remove: async () => {
          await attachment.detach();
          await store.disks.delete(id);
        },
      };
    } catch (error) {
      await store.disks.delete(id);
      throw error;
    }
  }

  #assertMayStart(account: AccountRow): void {
    if (this.#closing) throw new ServerError("shutting_down", "the server is shutting down");
    const sessionsMax = this.#on.quota.plan.sessionsMax;
    let running = 0;
    for (const session of [...this.#active.values(), ...this.#apart])
      if (session.account.id === account.id) running += 1;
    if (running >= sessionsMax)
      throw new ServerError("limit_exceeded", `${running} of at most ${sessionsMax} sessions are running`, {
        details: { sessions: running, sessions_max: sessionsMax },
        suggestion: "end one with `chaser sessions stop ID`",
      });
  }

  async #insertRow(options: {
    id: string;
    account: AccountRow;
    workspaceId: string | null;
    diskId: string;
    ttlSeconds: number;
  }): Promise<void> {
    const now = Date.now();
    await this.#on.db.query
      .insertInto("sessions")
      .values({
        id: options.id,
        account_id: options.account.id,
        workspace_id: options.workspaceId,
        disk_id: options.diskId,
        session_type: "sandbox",
        ttl_seconds: options.ttlSeconds,
        started_at: now,
        last_used_at: now,
        ended_at: null,
        end_reason: null,
        limits: null,
        limits_hit: null,
      })
      .execute();
  }

  /** Ends a session. Idempotent; every caller waits for the same end. Whoever must exclude others holds the workspace's lock. */
  end(session: ActiveSession, reason: EndReason): Promise<void> {
    return (session.ending ??= this.#end(session, reason));
  }

  async #end(session: ActiveSession, reason: EndReason): Promise<void> {
    const { db, stores, log } = this.#on;
    this.#growth.forget(session);
    try {
      await session.shutDown();
      if (session.workspaceId === null)
        await (await stores.get(session.account)).disks.delete(session.diskId);
    } catch (error) {
      log.error("session_end", error, { session_id: session.id });
    }
    await db.query
      .updateTable("sessions")
      .set({
        ended_at: Date.now(),
        last_used_at: session.lastUsedMs,
        end_reason: reason,
        limits_hit: JSON.stringify(session.limitsHit),
      })
      .where("id", "=", session.id)
      .execute();
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
    const row = await this.#on.db.query
      .selectFrom("sessions")
      .selectAll()
      .where("id", "=", id)
      .where("account_id", "=", account.id)
      .executeTakeFirst();
    if (row === undefined) throw new ServerError("not_found", `session ${id} not found`);
    return this.#asOfNow(row);
  }

  async list(
    account: AccountRow,
    filter: { status?: "active" | "ended" | undefined; workspaceId?: string | undefined },
    request: PageRequest,
  ): Promise<Page<SessionRow>> {
    const found = await page(request, (before, limit) =>
      this.#on.db.query
        .selectFrom("sessions")
        .selectAll()
        .where("account_id", "=", account.id)
        .$if(filter.status === "active", (q) => q.where("ended_at", "is", null))
        .$if(filter.status === "ended", (q) => q.where("ended_at", "is not", null))
        .$if(filter.workspaceId !== undefined, (q) => q.where("workspace_id", "=", filter.workspaceId ?? ""))
        .$if(before !== null, (q) => q.where("seq", "<", before))
        .$if(limit !== null, (q) => q.limit(limit ?? 0))
        .orderBy("seq", "desc")
        .execute(),
    );
    return { ...found, rows: found.rows.map((row) => this.#asOfNow(row)) };
  }

  /** The row of a running session is written only at its start and end; what changes meanwhile is in memory. */
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

  /** Ends the sessions that nobody has used for their time to live. */
  async endIdle(nowMs: number): Promise<void> {
    for (const session of [...this.#active.values()])
      if (session.isIdle(nowMs))
        await this.#on.locks.short(session.workspaceId ?? session.id, async () => {
          if (session.isIdle(nowMs)) await this.end(session, "idle");
        });
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
