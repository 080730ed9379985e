import type { Store } from "@chaser/store";
import type { Database } from "../db/database.js";
import type { AccountRow } from "../db/tables.js";
import type { Logger } from "../log.js";

/**
 * Brings an account's records and disks into agreement after the server stopped, however it stopped. Runs before
 * anyone uses the store, so a disk that no ready workspace owns belongs to something that was never acknowledged, or
 * to a deletion that had begun, or to an ephemeral session of a former server.
 */
export async function reconcile(db: Database, account: AccountRow, store: Store, log: Logger): Promise<void> {
  const rows = await db.query
    .selectFrom("workspaces")
    .select(["id", "state"])
    .where("account_id", "=", account.id)
    .execute();
  const ready = new Set(rows.filter((row) => row.state === "ready").map((row) => row.id));
  const disks = new Set((await store.disks.list()).map((disk) => disk.id));

  for (const id of disks) if (!ready.has(id)) await store.disks.delete(id);
  await db.query
    .deleteFrom("workspaces")
    .where("account_id", "=", account.id)
    .where("state", "!=", "ready")
    .execute();
  for (const id of ready)
    if (!disks.has(id)) log.error("workspace_without_disk", undefined, { workspace_id: id });
}

/** Accounts that a former server left something half done in; their stores are opened at once. */
export async function accountsWithLeftovers(db: Database): Promise<string[]> {
  const sessions = await db.query
    .selectFrom("sessions")
    .select("account_id")
    .where("ended_at", "is", null)
    .execute();
  const workspaces = await db.query
    .selectFrom("workspaces")
    .select("account_id")
    .where("state", "!=", "ready")
    .execute();
  return [...new Set([...sessions, ...workspaces].map((row) => row.account_id))];
}

/** The sandboxes of a former server died with it; their records say so from now on. */
export async function endFormerSessions(db: Database): Promise<void> {
  await db.query
    .updateTable("sessions")
    .set((e) => ({ ended_at: e.ref("last_used_at"), end_reason: "server_stopped" }))
    .where("ended_at", "is", null)
    .execute();
}
