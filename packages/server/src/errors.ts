import { RuntimeError, type RuntimeErrorCode } from "@chaser/runtime";
import { StoreError, type StoreErrorCode } from "@chaser/store";
import { errorStatus, type ErrorCode } from "./error-status.js";

export interface ErrorBody {
  error: {
    code: ErrorCode;
    message: string;
    details?: Record<string, unknown>;
    suggestion?: string;
    request_id: string;
  };
}

/**
 * The one error class of this package. Services throw it, and the HTTP layer turns it into an answer.
 * `message` and `suggestion` are shown to the caller, so neither may hold anything internal.
 */
export class ServerError extends Error {
  override readonly name = "ServerError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly suggestion: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: Record<string, unknown>; suggestion?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
    this.suggestion = options.suggestion;
  }

  get status(): (typeof errorStatus)[ErrorCode] {
    return errorStatus[this.code];
  }

  body(requestId: string): ErrorBody {
    return {
      error: {
        code: this.code,
        message: this.message,
        ...(this.details === undefined ? {} : { details: this.details }),
        ...(this.suggestion === undefined ? {} : { suggestion: this.suggestion }),
        request_id: requestId,
      },
    };
  }
}

/** What the store's codes mean to a caller of the API. A code that is missing here is a fault of the server. */
const storeCodes: Partial<Record<StoreErrorCode, ErrorCode>> = {
  invalid_argument: "invalid_request",
  snapshot_not_found: "not_found",
  snapshot_name_taken: "snapshot_name_taken",
  disk_not_found: "not_found",
  path_not_found: "not_found",
  disk_in_use: "session_active",
  unsupported: "unsupported",
  no_space: "storage_quota_exceeded",
  quota_exceeded: "storage_quota_exceeded",
  too_large: "payload_too_large",
  ref_conflict: "operation_in_progress",
};

/** What the runtime's codes mean to a caller of the API. */
const runtimeCodes: Partial<Record<RuntimeErrorCode, ErrorCode>> = {
  invalid_argument: "invalid_request",
  working_directory_not_found: "invalid_request",
  session_ended: "session_ended",
  sandbox_unavailable: "sandbox_unavailable",
  network_unavailable: "sandbox_unavailable",
  network_not_allowed: "sandbox_unavailable",
  image_not_found: "image_not_found",
  image_unsupported: "image_unsupported",
  image_failed: "sandbox_unavailable",
  pause_failed: "sandbox_unavailable",
  too_many_commands: "limit_exceeded",
  input_gap: "stdin_gap",
  input_closed: "stdin_closed",
  runtime_closed: "shutting_down",
  path_not_found: "not_found",
  path_denied: "invalid_request",
  path_unsupported: "unsupported",
  file_too_large: "payload_too_large",
  disk_full: "workspace_disk_full",
  transfer_failed: "invalid_request",
  import_refused: "invalid_request",
  import_failed: "import_failed",
  port_closed: "port_closed",
  too_many_connections: "limit_exceeded",
};

/** What to do about a code, where the same is true whatever led to it. */
const suggestions: Partial<Record<ErrorCode, string>> = {
  sandbox_unavailable: "run `chaser doctor` on the server's machine to see what is missing",
  stdin_gap: "send the input again from expected_offset",
  port_closed:
    "start what listens there inside the session, on 127.0.0.1 or all addresses; `chaser exec --background` leaves it running",
  session_ended: "run the command again; a new session is started for it",
  storage_quota_exceeded: "delete snapshots or workspaces; `chaser billing summary` shows which are large",
  workspace_disk_full: "delete files in it, restore an earlier snapshot, or delete the workspace",
};

/** The caller's view of any error: a `ServerError` as it is, known codes by the tables, all else `internal` without its text. */
export function toServerError(error: unknown): ServerError {
  if (error instanceof ServerError) return error;
  const code =
    error instanceof StoreError
      ? storeCode(error)
      : error instanceof RuntimeError
        ? runtimeCodes[error.code]
        : undefined;
  if (code === undefined && isOutOfSpace(error))
    return new ServerError("storage_quota_exceeded", "there is no space left on the server's filesystem", {
      cause: error,
      ...suggestionFor("storage_quota_exceeded"),
    });
  if (code === undefined)
    return new ServerError("internal", "an unexpected error occurred on the server", { cause: error });
  return new ServerError(code, (error as Error).message, {
    cause: error,
    ...detailsOf(error),
    ...(remedyOf(error) ?? suggestionFor(code)),
  });
}

/** Whether whoever runs the server has to know of it. All else is the caller's own matter, and so is its text. */
export function isFault({ code }: ServerError): boolean {
  return code === "internal" || code === "sandbox_unavailable";
}

/** What the kernel and the database say of a full filesystem, wherever something is written. */
const outOfSpaceCodes: unknown[] = ["ENOSPC", "EDQUOT", "SQLITE_FULL"];

function isOutOfSpace(error: unknown): boolean {
  return error instanceof Error && outOfSpaceCodes.includes((error as NodeJS.ErrnoException).code);
}

export function suggestionFor(code: ErrorCode): { suggestion?: string } {
  const suggestion = suggestions[code];
  return suggestion === undefined ? {} : { suggestion };
}

/** What the runtime knows of this very case. */
function remedyOf(error: unknown): { suggestion: string } | null {
  const remedy = error instanceof RuntimeError ? error.data["remedy"] : undefined;
  return typeof remedy === "string" ? { suggestion: remedy } : null;
}

function storeCode(error: StoreError): ErrorCode | undefined {
  const isOfDisk = error.code === "quota_exceeded" && typeof error.data["disk"] === "string";
  return isOfDisk ? "workspace_disk_full" : storeCodes[error.code];
}

function detailsOf(error: unknown): { details?: Record<string, unknown> } {
  if (error instanceof RuntimeError && error.code === "input_gap")
    return { details: { expected_offset: error.data["expectedOffset"] } };
  if (!(error instanceof StoreError) || error.code !== "quota_exceeded") return {};
  const { usedBytes, capBytes, neededBytes, usedInodes, capInodes, neededInodes } = error.data;
  if (capInodes !== undefined)
    return { details: { used_inodes: usedInodes, cap_inodes: capInodes, needed_inodes: neededInodes } };
  return { details: { used_bytes: usedBytes, cap_bytes: capBytes, needed_bytes: neededBytes } };
}
