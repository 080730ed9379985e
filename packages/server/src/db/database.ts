import { open } from "node:fs/promises";
import Sqlite from "better-sqlite3";
import { Kysely, Migrator, SqliteDialect } from "kysely";
import { migrations } from "./migrations.js";
import type { Tables } from "./tables.js";

/** The server's metadata. Everything above this module speaks kysely, so that another SQL database can stand here. */
export interface Database extends AsyncDisposable {
  readonly query: Kysely<Tables>;
  /** Resolves when everything committed so far survives a power loss. Call it before acknowledging a change. */
  durable(): Promise<void>;
  /** Whether an error says that a unique constraint was violated. */
  isUniqueViolation(error: unknown): boolean;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens or makes the SQLite file and brings its schema up to date.
 *
 * A commit in WAL mode with `synchronous = NORMAL` survives the death of the process at once and a power loss after
 * the next sync of the log. Syncing on every commit would block the event loop for as long as the disk takes, so
 * `durable()` syncs the log on another thread, once for all commits before it.
 */
export async function openDatabase(file: string): Promise<Database> {
  const sqlite = new Sqlite(file);
  sqlite.pragma("journal_mode = WAL");
  sqlite.pragma("synchronous = NORMAL");
  sqlite.pragma("foreign_keys = ON");
  const query = new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqlite }) });
  const migrator = new Migrator({
    db: query,
    provider: { getMigrations: () => Promise.resolve(migrations) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    await query.destroy();
    throw new Error(`cannot bring the schema of ${file} up to date`, { cause: error });
  }

  const close = async (): Promise<void> => query.destroy();
  return {
    query,
    durable: () => syncFile(file + "-wal"),
    isUniqueViolation: (e) =>
      e instanceof Sqlite.SqliteError && /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(e.code),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, "r");
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
