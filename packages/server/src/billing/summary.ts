import type { StoreUsage } from "@chaser/store";
import type { Database } from "../db/database.js";
import type { AccountRow } from "../db/tables.js";
import type { PlanLimits } from "../limits.js";
import type { AccountStores } from "../stores/account-stores.js";

export interface WorkspaceBytes {
  id: string;
  name: string | null;
  bytes: number;
}

export interface StorageSummary {
  /** Allocated bytes of the account's directory; the sum of what follows. */
  usedBytes: number;
  capBytes: number;
  /** What each workspace's disk holds for itself alone. */
  byWorkspace: WorkspaceBytes[];
  snapshotsBytes: number;
  /** What several disks stand on together, and disks of ephemeral sessions. */
  sharedBytes: number;
  deadBytes: number;
  overheadBytes: number;
}

export interface UsageWindow {
  sessionSeconds: number;
  execs: number;
}

export interface BillingSummary {
  plan: PlanLimits;
  sessions: number;
  workspaces: number;
  storage: StorageSummary;
  usage24h: UsageWindow;
  usage30d: UsageWindow;
}

const dayMs = 24 * 60 * 60 * 1000;

export class Billing {
  readonly #db: Database;
  readonly #stores: AccountStores;
  readonly #plan: PlanLimits;

  constructor(db: Database, stores: AccountStores, plan: PlanLimits) {
    this.#db = db;
    this.#stores = stores;
    this.#plan = plan;
  }

  async summary(account: AccountRow): Promise<BillingSummary> {
    const store = await this.#stores.get(account);
    const workspaces = await this.#db.query
      .selectFrom("workspaces")
      .select(["id", "name"])
      .where("account_id", "=", account.id)
      .where("state", "=", "ready")
      .orderBy("seq", "desc")
      .execute();
    const byWorkspace: WorkspaceBytes[] = [];
    const usages = new Map((await store.disks.usages()).map((usage) => [usage.id, usage.exclusiveBytes]));
    for (const { id, name } of workspaces) byWorkspace.push({ id, name, bytes: usages.get(id) ?? 0 });
    const now = Date.now();
    const sessions = await this.#sessionsSince(account, now - 30 * dayMs);
    return {
      plan: this.#plan,
      sessions: sessions.filter((session) => session.ended_at === null).length,
      workspaces: workspaces.length,
      storage: storageSummary(await store.usage(), byWorkspace, this.#plan.storageBytesMax),
      usage24h: await this.#window(account, sessions, now - dayMs, now),
      usage30d: await this.#window(account, sessions, now - 30 * dayMs, now),
    };
  }

  async #sessionsSince(
    account: AccountRow,
    sinceMs: number,
  ): Promise<{ started_at: number; ended_at: number | null }[]> {
    return this.#db.query
      .selectFrom("sessions")
      .select(["started_at", "ended_at"])
      .where("account_id", "=", account.id)
      .where((e) => e.or([e("ended_at", "is", null), e("ended_at", ">", sinceMs)]))
      .execute();
  }

  async #window(
    account: AccountRow,
    sessions: { started_at: number; ended_at: number | null }[],
    fromMs: number,
    toMs: number,
  ): Promise<UsageWindow> {
    const { execs } = await this.#db.query
      .selectFrom("execs")
      .select((e) => e.fn.countAll<number>().as("execs"))
      .where("account_id", "=", account.id)
      .where("started_at", ">=", fromMs)
      .executeTakeFirstOrThrow();
    return { sessionSeconds: overlapSeconds(sessions, fromMs, toMs), execs: Number(execs) };
  }
}

/** Splits the store's figures so that the parts add up to the whole, to the byte. */
export function storageSummary(
  usage: StoreUsage,
  byWorkspace: WorkspaceBytes[],
  capBytes: number,
): StorageSummary {
  const owned = byWorkspace.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    usedBytes: usage.onDiskBytes,
    capBytes,
    byWorkspace,
    snapshotsBytes: usage.chunkBytes,
    sharedBytes: usage.layerBytes + usage.diskBytes - owned,
    deadBytes: usage.deadBytes,
    overheadBytes: usage.overheadBytes,
  };
}

/** Seconds that sessions ran within a window; one that still runs counts up to its end. */
export function overlapSeconds(
  sessions: readonly { started_at: number; ended_at: number | null }[],
  fromMs: number,
  toMs: number,
): number {
  let ms = 0;
  for (const { started_at, ended_at } of sessions)
    ms += Math.max(0, Math.min(ended_at ?? toMs, toMs) - Math.max(started_at, fromMs));
  return Math.round(ms / 1000);
}
