import type { StoreErrorCode } from "@chaser/store";

/** What the process's exit code tells a script. `chaser exec` gives the command's own code instead. */
export const exitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  quota: 5,
  unreachable: 6,
  interrupted: 130,
  terminated: 143,
  /** 128 + SIGPIPE: the reader of our output went away. */
  brokenPipe: 141,
} as const;

/** The exit code for an error answer of the server. The code decides where one status covers several cases. */
export function exitCodeOfAnswer(status: number, code: string): number {
  if (code === "storage_quota_exceeded" || code === "workspace_disk_full" || code === "limit_exceeded")
    return exitCode.quota;
  switch (status) {
    case 400:
      return exitCode.usage;
    case 401:
    case 403:
      return exitCode.unreachable;
    case 404:
      return exitCode.notFound;
    case 409:
      return exitCode.conflict;
    default:
      return exitCode.failure;
  }
}

const storeExitCodes: Partial<Record<StoreErrorCode, number>> = {
  invalid_argument: exitCode.usage,
  not_a_store: exitCode.notFound,
  snapshot_not_found: exitCode.notFound,
  disk_not_found: exitCode.notFound,
  source_not_found: exitCode.notFound,
  path_not_found: exitCode.notFound,
  bundle_base_missing: exitCode.notFound,
  store_exists: exitCode.conflict,
  snapshot_name_taken: exitCode.conflict,
  disk_exists: exitCode.conflict,
  disk_in_use: exitCode.conflict,
  ref_conflict: exitCode.conflict,
  no_space: exitCode.quota,
  quota_exceeded: exitCode.quota,
  permission_denied: exitCode.unreachable,
  aborted: exitCode.interrupted,
};

/** The exit code for an error of the store library. */
export function exitCodeOfStoreError(code: StoreErrorCode): number {
  return storeExitCodes[code] ?? exitCode.failure;
}
