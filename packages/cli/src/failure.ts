import type { Problem, StoreErrorCode } from "@chaser/store";
import { problemsJson } from "./commands/store/problems.js";
import { CliError } from "./errors.js";
import { exitCode, exitCodeOfStoreError } from "./exit.js";
import { jsonPath, printable } from "./output/printable.js";

/** The document that a failed `--json` command prints on stderr; the same shape as the API's errors. */
interface ErrorDocument {
  error: { code: string; message: string; details?: unknown; suggestion?: string; request_id?: string };
}

/** Any error as the one class that is shown. What nobody foresaw keeps its message and becomes code `failed`. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (isStoreError(error))
    return new CliError(error.code, error.message, {
      exitCode: exitCodeOfStoreError(error.code),
      suggestion: storeSuggestions[error.code],
      details: readable(error.data),
      cause: error,
    });
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" && path !== undefined)
    return new CliError("not_found", `there is no ${JSON.stringify(path)}`, {
      exitCode: exitCode.notFound,
      cause: error,
    });
  return new CliError("failed", message, {
    exitCode: code === "EACCES" || code === "EPERM" ? exitCode.unreachable : exitCode.failure,
    cause: error,
  });
}

/** A full disk under the file that the output goes to, most of all. */
export function outputFailure(error: NodeJS.ErrnoException): CliError {
  const isFull = error.code === "ENOSPC" || error.code === "EDQUOT";
  return new CliError("failed", `the output could not be written: ${error.message}`, {
    exitCode: isFull ? exitCode.quota : exitCode.failure,
    cause: error,
  });
}

export function showError(stderr: NodeJS.WritableStream, error: CliError, json: boolean): void {
  stderr.write(json ? JSON.stringify(errorDocument(error)) + "\n" : formatError(error));
}

/** The store's paths are bytes. */
function readable(data: Record<string, unknown>): Record<string, unknown> {
  const { path, problems } = data;
  return {
    ...data,
    ...(path instanceof Uint8Array ? jsonPath(path) : {}),
    ...(Array.isArray(problems) ? { problems: problemsJson(problems as Problem[]) } : {}),
  };
}

/** One line for the fault and one for the way on. */
export function formatError(error: CliError): string {
  const hint = error.suggestion === undefined ? "" : `hint: ${printable(error.suggestion)}\n`;
  return `error: ${printable(error.message)}\n${hint}`;
}

export function errorDocument(error: CliError): ErrorDocument {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.details === undefined ? {} : { details: error.details }),
      ...(error.suggestion === undefined ? {} : { suggestion: error.suggestion }),
      ...(error.requestId === undefined ? {} : { request_id: error.requestId }),
    },
  };
}

const storeSuggestions: Partial<Record<StoreErrorCode, string>> = {
  not_a_store: "make one with `chaser store init DIR`",
  snapshot_not_found: "`chaser store snapshots` lists what there is",
  path_not_found: "`chaser store ls SNAPSHOT` lists what there is",
  bundle_invalid: "the bundle was cut short or changed on its way; make it again",
  snapshot_name_taken:
    "choose another name (--name, or --rename for an import), or delete the old one with `chaser store delete NAME`",
  permission_denied: "check who owns the files, or run the command as that user",
  corrupt:
    "`chaser store fsck` says what is damaged and which snapshots it touches, `--repair` mends what can be mended",
  chunk_missing:
    "`chaser store fsck` says what is damaged and which snapshots it touches, `--repair` mends what can be mended",
  no_space: "free some space on the filesystem and run the command again",
};

/** By name, not by class: the store package is only loaded by the commands that use it. */
function isStoreError(
  error: unknown,
): error is Error & { code: StoreErrorCode; data: Record<string, unknown> } {
  return error instanceof Error && error.name === "StoreError" && "code" in error;
}
