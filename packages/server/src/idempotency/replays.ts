import type { Database } from "../db/database.js";
import { ServerError } from "../errors.js";
import { idempotencyLifetimeMs } from "../limits.js";

export interface RecordedAnswer {
  status: number;
  body: string;
}

/** First answers to requests that carried an idempotency key, for as long as a repetition may come. */
export class Replays {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Claims a key for a request. Returns the answer that the same request got before, or null when this is the first.
   * Codes: `idempotency_key_reused` for another request under the same key, `operation_in_progress` while the first runs.
   */
  async claim(accountId: string, key: string, requestHash: string): Promise<RecordedAnswer | null> {
    await this.#forgetOld(Date.now());
    try {
      await this.#db.query
        .insertInto("idempotency")
        .values({
          account_id: accountId,
          key,
          request_hash: requestHash,
          status: null,
          body: null,
          created_at: Date.now(),
        })
        .execute();
      return null;
    } catch (error) {
      if (!this.#db.isUniqueViolation(error)) throw error;
    }
    const row = await this.#db.query
      .selectFrom("idempotency")
      .selectAll()
      .where("account_id", "=", accountId)
      .where("key", "=", key)
      .executeTakeFirst();
    if (row !== undefined && row.request_hash !== requestHash)
      throw new ServerError("idempotency_key_reused", "this Idempotency-Key was used for another request", {
        suggestion: "use a new key for each new request",
      });
    if (row === undefined || row.status === null)
      throw new ServerError(
        "operation_in_progress",
        "the first request with this Idempotency-Key is running",
        {
          suggestion: "try again when it has finished",
        },
      );
    return { status: row.status, body: row.body ?? "" };
  }

  async record(accountId: string, key: string, answer: RecordedAnswer): Promise<void> {
    await this.#db.query
      .updateTable("idempotency")
      .set(answer)
      .where("account_id", "=", accountId)
      .where("key", "=", key)
      .execute();
  }

  /** Gives a key back after a failure that a repetition may not meet again. */
  async release(accountId: string, key: string): Promise<void> {
    await this.#db.query
      .deleteFrom("idempotency")
      .where("account_id", "=", accountId)
      .where("key", "=", key)
      .execute();
  }

  /** After a crash nobody knows how a request that ran would have been answered, so its key is free again. */
  async releaseUnfinished(): Promise<void> {
    await this.#db.query.deleteFrom("idempotency").where("status", "is", null).execute();
  }

  async #forgetOld(nowMs: number): Promise<void> {
    await this.#db.query
      .deleteFrom("idempotency")
      .where("created_at", "<", nowMs - idempotencyLifetimeMs)
      .execute();
  }
}
