import type { Kysely, Migration } from "kysely";

/** Applied in order of name, each once, in a transaction. A migration that was released is never edited. */
export const migrations: Record<string, Migration> = {
  "0001-first": { up: createFirst },
  "0002-session-limits": { up: addSessionLimits },
  "0003-image-digest": { up: addImageDigest },
  "0004-import-ref": { up: addImportRef },
  "0005-commands": { up: createCommands },
  "0006-uploads": { up: createUploads },
};

async function addSessionLimits(db: Kysely<unknown>): Promise<void> {
  for (const name of ["limits", "limits_hit"])
    await db.schema.alterTable("sessions").addColumn(name, "text").execute();
}

/** What a workspace is pinned to, whatever the tag in `image` comes to mean. */
async function addImageDigest(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("workspaces").addColumn("image_digest", "text").execute();
}

async function createFirst(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("accounts")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("name", "text", (c) => c.notNull().unique())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("host_uid", "integer", (c) => c.unique())
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .execute();

  await db.schema
    .createTable("keys")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("account_id", "text", (c) => c.notNull().references("accounts.id"))
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("prefix", "text", (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull().unique())
    .addColumn("scopes", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addColumn("last_used_at", "bigint")
    .addColumn("revoked_at", "bigint")
    .execute();

  await db.schema
    .createTable("workspaces")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("account_id", "text", (c) => c.notNull().references("accounts.id"))
    .addColumn("name", "text")
    .addColumn("name_key", "text")
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("session_type", "text", (c) => c.notNull())
    .addColumn("image", "text")
    .addColumn("template", "integer", (c) => c.notNull())
    .addColumn("github_repo", "text")
    .addColumn("source_workspace_id", "text")
    .addColumn("last_session_id", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addUniqueConstraint("workspaces_name_unique", ["account_id", "name_key"])
    .execute();

  await db.schema
    .createTable("sessions")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("account_id", "text", (c) => c.notNull().references("accounts.id"))
    .addColumn("workspace_id", "text")
    .addColumn("disk_id", "text", (c) => c.notNull())
    .addColumn("session_type", "text", (c) => c.notNull())
    .addColumn("ttl_seconds", "integer", (c) => c.notNull())
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addColumn("last_used_at", "bigint", (c) => c.notNull())
    .addColumn("ended_at", "bigint")
    .addColumn("end_reason", "text")
    .execute();
  await db.schema.createIndex("sessions_by_account").on("sessions").columns(["account_id", "seq"]).execute();

  await db.schema
    .createTable("execs")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("account_id", "text", (c) => c.notNull())
    .addColumn("session_id", "text", (c) => c.notNull())
    .addColumn("started_at", "bigint", (c) => c.notNull())
    .addColumn("duration_ms", "integer", (c) => c.notNull())
    .addColumn("exit_code", "integer", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("execs_by_account").on("execs").columns(["account_id", "started_at"]).execute();

  await db.schema
    .createTable("audit")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("account_id", "text", (c) => c.notNull())
    .addColumn("key_id", "text", (c) => c.notNull())
    .addColumn("at", "bigint", (c) => c.notNull())
    .addColumn("action", "text", (c) => c.notNull())
    .addColumn("target", "text")
    .addColumn("request_id", "text", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("audit_by_account").on("audit").columns(["account_id", "seq"]).execute();

  await db.schema
    .createTable("idempotency")
    .addColumn("account_id", "text", (c) => c.notNull())
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("request_hash", "text", (c) => c.notNull())
    .addColumn("status", "integer")
    .addColumn("body", "text")
    .addColumn("created_at", "bigint", (c) => c.notNull())
    .addPrimaryKeyConstraint("idempotency_key", ["account_id", "key"])
    .execute();
}

/** Which branch, tag or commit of its repository a workspace was imported at. */
async function addImportRef(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("workspaces").addColumn("github_ref", "text").execute();
}

/** Commands of sessions that have ended. */
async function createCommands(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("commands")
    .addColumn("seq", "integer", (c) => c.primaryKey().autoIncrement())
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("account_id", "text", (c) => c.notNull())
    .addColumn("session_id", "text", (c) => c.notNull())
    .addColumn("kept_at", "bigint", (c) => c.notNull())
    .addColumn("record", "text", (c) => c.notNull())
    .addColumn("output", "blob", (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex("commands_by_session")
    .on("commands")
    .columns(["account_id", "session_id", "seq"])
    .execute();
}

/** Uploads under way. */
async function createUploads(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("uploads")
    .addColumn("staging", "text", (c) => c.primaryKey())
    .addColumn("workspace_id", "text", (c) => c.notNull().references("workspaces.id").onDelete("cascade"))
    .addColumn("path", "text", (c) => c.notNull())
    .execute();
  await db.schema.createIndex("uploads_by_workspace").on("uploads").column("workspace_id").execute();
}
