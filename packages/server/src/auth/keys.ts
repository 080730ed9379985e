import { randomUUID } from "node:crypto";
import type { Database } from "../db/database.js";
import type { AccountRow, KeyRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { page, type Page, type PageRequest } from "../paging.js";
import { covers, type Scope } from "./scopes.js";
import { bearerSecret, equalHashes, generateSecret, hashSecret, secretPrefix } from "./secret.js";

/** Who a request comes from. */
export interface Principal {
  keyId: string;
  account: AccountRow;
  /** Null: all. */
  scopes: readonly Scope[] | null;
}

/** Knowing that a key is in use to the minute is enough, and spares a write on each request. */
const lastUsedResolutionMs = 60_000;

export class Keys {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The key of an `Authorization` header and its account, or null for a missing, malformed, unknown or revoked one. */
  async authenticate(header: string | undefined): Promise<Principal | null> {
    const secret = bearerSecret(header);
    if (secret === null) return null;
    const hash = hashSecret(secret);
    const row = await this.#db.query
      .selectFrom("keys")
      .selectAll()
      .where("hash", "=", hash)
      .where("revoked_at", "is", null)
      .executeTakeFirst();
    if (row === undefined || !equalHashes(row.hash, hash)) return null;
    const account = await this.#db.query
      .selectFrom("accounts")
      .selectAll()
      .where("id", "=", row.account_id)
      .executeTakeFirstOrThrow();
    await this.#touch(row);
    return { keyId: row.id, account, scopes: scopesOf(row) };
  }

  async #touch(row: KeyRow): Promise<void> {
    const now = Date.now();
    if (row.last_used_at !== null && now - row.last_used_at < lastUsedResolutionMs) return;
    await this.#db.query.updateTable("keys").set({ last_used_at: now }).where("id", "=", row.id).execute();
  }

  /** Makes a key. `secret` is returned here and never again. */
  async create(
    accountId: string,
    options: { name: string; scopes: readonly Scope[] | null; by?: Principal; secret?: string },
  ): Promise<{ key: KeyRow; secret: string }> {
    if (options.by !== undefined && !covers(options.by.scopes, options.scopes))
      throw new ServerError(
        "missing_scope",
        "a key cannot be given scopes that the calling key does not have",
        {
          details: { granted: options.by.scopes },
        },
      );
    const secret = options.secret ?? generateSecret();
    const key = await this.#db.query
      .insertInto("keys")
      .values({
        id: randomUUID(),
        account_id: accountId,
        name: options.name,
        prefix: secretPrefix(secret),
        hash: hashSecret(secret),
        scopes: options.scopes === null ? null : JSON.stringify(options.scopes),
        created_at: Date.now(),
        last_used_at: null,
        revoked_at: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return { key, secret };
  }

  /** Makes the key with this secret unless it exists or ever existed. A revoked key stays revoked. */
  async ensure(accountId: string, secret: string): Promise<void> {
    const known = await this.#db.query
      .selectFrom("keys")
      .select("id")
      .where("hash", "=", hashSecret(secret))
      .executeTakeFirst();
    if (known === undefined) await this.create(accountId, { name: "operator", scopes: null, secret });
  }

  async exists(accountId: string): Promise<boolean> {
    const row = await this.#db.query
      .selectFrom("keys")
      .select("id")
      .where("account_id", "=", accountId)
      .executeTakeFirst();
    return row !== undefined;
  }

  async list(accountId: string, request: PageRequest): Promise<Page<KeyRow>> {
    const rows = this.#db.query
      .selectFrom("keys")
      .selectAll()
      .where("account_id", "=", accountId)
      .where("revoked_at", "is", null);
    return page(request, (before, limit) =>
      rows
        .$if(before !== null, (q) => q.where("seq", "<", before))
        .limit(limit)
        .orderBy("seq", "desc")
        .execute(),
    );
  }

  async revoke(accountId: string, id: string): Promise<void> {
    const result = await this.#db.query
      .updateTable("keys")
      .set({ revoked_at: Date.now() })
      .where("id", "=", id)
      .where("account_id", "=", accountId)
      .where("revoked_at", "is", null)
      .executeTakeFirst();
    if (result.numUpdatedRows === 0n) throw new ServerError("not_found", `key ${id} not found`);
  }
}

export function scopesOf(row: KeyRow): readonly Scope[] | null {
  return row.scopes === null ? null : (JSON.parse(row.scopes) as Scope[]);
}
