/** The shapes of the API's answers, as far as the command line shows them. Times are RFC 3339, sizes bytes. */

export interface Workspace {
  id: string;
  /** Null when it was taken away: then only the id names it. */
  name: string | null;
  session_type: string;
  status: string;
  image: string | null;
  image_digest: string | null;
  template: boolean;
  github_repo: string | null;
  source_workspace_id: string | null;
  active_session_id: string | null;
  last_session_id: string | null;
  created_at: string;
  disk_bytes: number;
  disk_limit_bytes: number;
}

export interface Snapshot {
  id: string;
  name: string;
  workspace_id: string;
  tree: string;
  parent: string | null;
  comment: string;
  created_at: string;
  logical_bytes: number;
  new_bytes: number;
  /** Null where it is not known yet. */
  exclusive_bytes: number | null;
  files: number;
  directories: number;
  consistency: string;
}

export interface RestoreAnswer {
  snapshot: Snapshot;
  dry_run: boolean;
  created: number;
  changed: number;
  deleted: number;
  unchanged: number;
  written_bytes: number;
  duration_ms: number;
  undo_snapshot: Snapshot | null;
  ended_session_id: string | null;
  problems: { path: string; code: string; message: string }[];
}

export interface WorkspaceUsage {
  workspace_id: string;
  logical_bytes: number;
  referenced_bytes: number;
  exclusive_bytes: number;
  shared_bytes: number;
  written_bytes: number;
  snapshots: {
    id: string;
    name: string;
    logical_bytes: number;
    new_bytes: number;
    referenced_bytes: number;
    exclusive_bytes: number;
    shared_bytes: number;
  }[];
}

/** How a command ended, in a JSON answer or in the `complete` event of a stream. */
export interface CommandEnd {
  exit_code: number;
  signal: string | null;
  timed_out: boolean;
  /** Absent from servers that do not say. */
  limits_hit?: string[];
  duration_ms: number;
  output_truncated: boolean;
}

/** The `start` event of a stream, and the answer for a command in the background. */
export interface StartedCommand {
  session_id: string;
  command_id: string;
  pid?: number | null;
  warnings?: string[];
}

export interface CommandRecord {
  id: string;
  session_id: string;
  kind: string;
  command: string;
  status: "running" | "exited" | "failed";
  pid: number | null;
  exit_code: number | null;
  output_bytes: number | null;
}

export interface Session {
  id: string;
  session_type: string;
  workspace_id: string | null;
  ephemeral: boolean;
  status: string;
  ttl_seconds: number;
  created_at: string;
  last_used_at: string;
  expires_at: string | null;
  ended_at: string | null;
  end_reason: string | null;
  limits?: Record<string, { value: number; mechanism: string }>;
  limits_hit?: string[];
}

/** The answer of starting one. */
export interface StartedSession extends Session {
  warnings?: string[];
}

export interface StoppedSessions {
  results: {
    id: string;
    session_id: string | null;
    status: "ended" | "not_active" | "not_found" | "failed";
  }[];
}

export interface ApiKey {
  id: string;
  name: string;
  /** The secret's first characters. */
  prefix: string;
  /** Null: all. */
  scopes: string[] | null;
  created_at: string;
  last_used_at: string | null;
}

export interface AuditEvent {
  id: string;
  at: string;
  action: string;
  target: string | null;
  key_id: string;
  request_id: string;
}

export interface Account {
  id: string;
  name: string;
  kind: string;
  created_at: string;
}

interface UsageWindow {
  session_seconds: number;
  execs: number;
}

export interface BillingSummary {
  plan: string;
  limits: {
    sessions: number;
    workspaces: number;
    workspace_disk_bytes: number;
    workspace_disk_inodes: number;
    storage_cap_bytes: number;
  };
  sessions: number;
  workspaces: number;
  storage: {
    used_bytes: number;
    cap_bytes: number;
    by_workspace: { id: string; name: string | null; bytes: number }[];
    snapshots_bytes: number;
    shared_bytes: number;
    dead_bytes: number;
    overhead_bytes: number;
  };
  usage: { last_24h: UsageWindow; last_30d: UsageWindow };
}
