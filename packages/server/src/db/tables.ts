import type { Generated } from "kysely";

/** Times are milliseconds since 1970. `seq` grows with every row and gives lists their order. Booleans are 0 or 1. */
export interface AccountRow {
  seq: number;
  id: string;
  name: string;
  kind: "personal" | "team";
  /** The host user that owns the account's files when the server is root; else null. */
  host_uid: number | null;
  created_at: number;
}

export interface KeyRow {
  seq: number;
  id: string;
  account_id: string;
  name: string;
  /** The first characters of the secret, to recognise it by. */
  prefix: string;
  /** SHA-256 of the secret, hexadecimal. The secret itself is nowhere. */
  hash: string;
  /** A JSON array of scopes, or null for all. */
  scopes: string | null;
  created_at: number;
  last_used_at: number | null;
  revoked_at: number | null;
}

export interface WorkspaceRow {
  seq: number;
  /** Also the id of its disk. */
  id: string;
  account_id: string;
  name: string | null;
  /** The name in the form that must be unique in the account. */
  name_key: string | null;
  /** A row is written before its disk and deleted after it, so that a crash leaves a row to clean up by. */
  state: "creating" | "ready" | "deleting";
  session_type: "sandbox";
  /** As it was asked for, in full; null for the host's own `/usr`. */
  image: string | null;
  image_digest: string | null;
  template: number;
  /** What the workspace was imported from, as it was asked for: `owner/repo` or an address. */
  github_repo: string | null;
  /** A branch, a tag or a commit; null for the default branch. */
  github_ref: string | null;
  source_workspace_id: string | null;
  last_session_id: string | null;
  created_at: number;
}

export interface SessionRow {
  seq: number;
  id: string;
  account_id: string;
  /** Null for an ephemeral session. */
  workspace_id: string | null;
  disk_id: string;
  session_type: "sandbox";
  ttl_seconds: number;
  started_at: number;
  last_used_at: number;
  ended_at: number | null;
  end_reason: string | null;
  /** JSON of what the runtime enforces and how; null for a session that never started, or was started by an older version. */
  limits: string | null;
  /** A JSON array of the names of limits that were reached; null while the session runs. */
  limits_hit: string | null;
}

export interface ExecRow {
  seq: number;
  account_id: string;
  session_id: string;
  started_at: number;
  duration_ms: number;
  exit_code: number;
}

/** A command whose session has ended. */
export interface CommandRow {
  seq: number;
  id: string;
  account_id: string;
  session_id: string;
  kept_at: number;
  /** JSON, as the API shows it. */
  record: string;
  /** The end of what it printed, see `sessions/kept-output.ts`. */
  output: Buffer;
}

/** What is being uploaded into a workspace, or was when its session or the server ended. */
export interface UploadRow {
  /** What it is called beside its place until it is whole. */
  staging: string;
  workspace_id: string;
  path: string;
}

export interface AuditRow {
  seq: number;
  id: string;
  account_id: string;
  key_id: string;
  at: number;
  action: string;
  target: string | null;
  request_id: string;
}

export interface IdempotencyRow {
  account_id: string;
  key: string;
  request_hash: string;
  /** Null while the first request is still running. */
  status: number | null;
  body: string | null;
  created_at: number;
}

/** What the database numbers by itself. */
type Numbered<Row extends { seq: number }> = Omit<Row, "seq"> & { seq: Generated<number> };

export interface Tables {
  accounts: Numbered<AccountRow>;
  keys: Numbered<KeyRow>;
  workspaces: Numbered<WorkspaceRow>;
  sessions: Numbered<SessionRow>;
  execs: Numbered<ExecRow>;
  commands: Numbered<CommandRow>;
  uploads: UploadRow;
  audit: Numbered<AuditRow>;
  idempotency: IdempotencyRow;
}
