import { randomUUID } from "node:crypto";
import type { Database } from "../db/database.js";
import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { hostUidCountMax } from "../limits.js";

export class Accounts {
  readonly #db: Database;
  readonly #hostUidBase: number | null;

  /** `hostUidBase`: the first uid of the accounts' range, or null when accounts share the server's own user. */
  constructor(db: Database, hostUidBase: number | null) {
    this.#db = db;
    this.#hostUidBase = hostUidBase;
  }

  async list(): Promise<AccountRow[]> {
    return this.#db.query.selectFrom("accounts").selectAll().orderBy("seq", "desc").execute();
  }

  async get(id: string): Promise<AccountRow> {
    const row = await this.#db.query
      .selectFrom("accounts")
      .selectAll()
      .where("id", "=", id)
      .executeTakeFirst();
    if (row === undefined) throw new ServerError("not_found", `account ${id} not found`);
    return row;
  }

  /** The personal account, made on the first call. */
  async personal(): Promise<AccountRow> {
    const row = await this.#db.query
      .selectFrom("accounts")
      .selectAll()
      .where("kind", "=", "personal")
      .executeTakeFirst();
    return row ?? this.create({ name: "personal", kind: "personal" });
  }

  async create(options: { name: string; kind?: AccountRow["kind"] }): Promise<AccountRow> {
    return this.#db.query.transaction().execute(async (transaction) =>
      transaction
        .insertInto("accounts")
        .values({
          id: randomUUID(),
          name: options.name,
          kind: options.kind ?? "team",
          host_uid: await this.#nextHostUid(transaction),
          created_at: Date.now(),
        })
        .returningAll()
        .executeTakeFirstOrThrow(),
    );
  }

  /** A uid is never given out twice, not even after its account is gone, because files may still carry it. */
  async #nextHostUid(db: Database["query"]): Promise<number | null> {
    const base = this.#hostUidBase;
    if (base === null) return null;
    const { last } = await db
      .selectFrom("accounts")
      .select((e) => e.fn.max("host_uid").as("last"))
      .executeTakeFirstOrThrow();
    const next = last === null ? base : Math.max(base, Number(last) + 1);
    if (next >= base + hostUidCountMax)
      throw new ServerError("limit_exceeded", `all ${hostUidCountMax} host uids from ${base} on are in use`);
    return next;
  }
}

/**
 * Whether the `X-Chaser-Account` header (id, exact name, or `personal`) names this account. Every key is bound to one
 * account, so anything else is refused without saying whether it exists.
 */
export function isNamedBy(account: AccountRow, header: string): boolean {
  return (
    header === account.id || header === account.name || (header === "personal" && account.kind === "personal")
  );
}
