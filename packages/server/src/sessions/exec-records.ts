import type { Database } from "../db/database.js";
import type { AccountRow } from "../db/tables.js";
import { usageRecordLifetimeMs } from "../limits.js";

/** One row for each command, for billing. Never what it ran. */
export class ExecRecords {
  readonly #db: Database;
  count = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  async add(
    account: AccountRow,
    record: { sessionId: string; startedAtMs: number; durationMs: number; exitCode: number },
  ): Promise<void> {
    this.count += 1;
    await this.#db.query
      .insertInto("execs")
      .values({
        account_id: account.id,
        session_id: record.sessionId,
        started_at: record.startedAtMs,
        duration_ms: Math.round(record.durationMs),
        exit_code: record.exitCode,
      })
      .execute();
  }

  /** Forgets what no billing window reaches any more. */
  async prune(nowMs: number): Promise<void> {
    await this.#db.query
      .deleteFrom("execs")
      .where("started_at", "<", nowMs - usageRecordLifetimeMs)
      .execute();
  }
}
