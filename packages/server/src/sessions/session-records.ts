import type { AppliedLimits, LimitName } from "@chaser/runtime";
import type { Database } from "../db/database.js";
import type { AccountRow, SessionRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { usageRecordLifetimeMs } from "../limits.js";
import { page, type Page, type PageRequest } from "../paging.js";

export interface SessionFilter {
  status?: "active" | "ended" | undefined;
  workspaceId?: string | undefined;
}

type EndOfSession = Pick<SessionRow, "ended_at" | "last_used_at" | "end_reason" | "limits_hit">;

/** What the database knows of sessions. The row of a running one is written only at its start and end. */
export class SessionRecords {
  readonly #db: Database;
  readonly #unrecorded = new Map<string, EndOfSession>();

  constructor(db: Database) {
    this.#db = db;
  }

  async insert(options: {
    id: string;
    account: AccountRow;
    workspaceId: string | null;
    diskId: string;
    ttlSeconds: number;
  }): Promise<void> {
    const now = Date.now();
    await this.#db.query
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

  async delete(id: string): Promise<void> {
    await this.#db.query.deleteFrom("sessions").where("id", "=", id).execute();
  }

  /** The sandbox runs. */
  async started(id: string, workspaceId: string | null, limits: AppliedLimits): Promise<void> {
    await this.#db.query
      .updateTable("sessions")
      .set({ limits: JSON.stringify(limits) })
      .where("id", "=", id)
      .execute();
    if (workspaceId === null) return;
    await this.#db.query
      .updateTable("workspaces")
      .set({ last_session_id: id })
      .where("id", "=", workspaceId)
      .execute();
  }

  /** What the database does not take now is written by a later `recordEnds`, and by the next start at the latest. */
  async ended(
    id: string,
    { reason, lastUsedMs, limitsHit }: { reason: string; lastUsedMs: number; limitsHit: LimitName[] },
  ): Promise<void> {
    this.#unrecorded.set(id, {
      ended_at: Date.now(),
      last_used_at: lastUsedMs,
      end_reason: reason,
      limits_hit: JSON.stringify(limitsHit),
    });
    await this.recordEnds();
  }

  /** Writes the ends that are not written yet. */
  async recordEnds(): Promise<void> {
    for (const [id, ended] of this.#unrecorded) {
      await this.#db.query.updateTable("sessions").set(ended).where("id", "=", id).execute();
      this.#unrecorded.delete(id);
    }
  }

  /** Forgets what no billing window reaches any more. */
  async prune(nowMs: number): Promise<void> {
    await this.#db.query
      .deleteFrom("sessions")
      .where("ended_at", "<", nowMs - usageRecordLifetimeMs)
      .execute();
  }

  /** Code `not_found`. */
  async get(account: AccountRow, id: string): Promise<SessionRow> {
    const row = await this.#db.query
      .selectFrom("sessions")
      .selectAll()
      .where("id", "=", id)
      .where("account_id", "=", account.id)
      .executeTakeFirst();
    if (row === undefined) throw new ServerError("not_found", `session ${id} not found`);
    return row;
  }

  list(account: AccountRow, filter: SessionFilter, request: PageRequest): Promise<Page<SessionRow>> {
    return page(request, (before, limit) =>
      this.#db.query
        .selectFrom("sessions")
        .selectAll()
        .where("account_id", "=", account.id)
        .$if(filter.status === "active", (q) => q.where("ended_at", "is", null))
        .$if(filter.status === "ended", (q) => q.where("ended_at", "is not", null))
        .$if(filter.workspaceId !== undefined, (q) => q.where("workspace_id", "=", filter.workspaceId ?? ""))
        .$if(before !== null, (q) => q.where("seq", "<", before))
        .limit(limit)
        .orderBy("seq", "desc")
        .execute(),
    );
  }
}
