import { randomUUID } from "node:crypto";
import type { Database } from "../db/database.js";
import type { AuditRow } from "../db/tables.js";
import { ServerError } from "../errors.js";

/** Who changed what, and when. Never file content, commands or secrets. */
export class Audit {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async record(event: {
    accountId: string;
    keyId: string;
    action: string;
    target: string | null;
    requestId: string;
  }): Promise<void> {
    await this.#db.query
      .insertInto("audit")
      .values({
        id: randomUUID(),
        account_id: event.accountId,
        key_id: event.keyId,
        at: Date.now(),
        action: event.action,
        target: event.target,
        request_id: event.requestId,
      })
      .execute();
  }

  /** Newest first. `before` is the id of an event; those older than it follow. */
  async list(
    accountId: string,
    options: { before?: string | undefined; limit: number },
  ): Promise<AuditRow[]> {
    const before = options.before === undefined ? null : await this.#seq(accountId, options.before);
    return this.#db.query
      .selectFrom("audit")
      .selectAll()
      .where("account_id", "=", accountId)
      .$if(before !== null, (q) => q.where("seq", "<", before))
      .orderBy("seq", "desc")
      .limit(options.limit)
      .execute();
  }

  async #seq(accountId: string, id: string): Promise<number> {
    const row = await this.#db.query
      .selectFrom("audit")
      .select("seq")
      .where("account_id", "=", accountId)
      .where("id", "=", id)
      .executeTakeFirst();
    if (row === undefined)
      throw new ServerError("invalid_request", `before: no audit event ${id}`, {
        details: { path: "before" },
      });
    return row.seq;
  }
}
