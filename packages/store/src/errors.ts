/** Every code a caller may test for. What to do about each is in the package's README. */
export type StoreErrorCode =
  | "invalid_argument"
  | "not_a_store"
  | "store_version_unsupported"
  | "store_exists"
  | "snapshot_not_found"
  | "snapshot_name_taken"
  | "disk_not_found"
  | "disk_exists"
  | "disk_in_use"
  | "source_not_found"
  | "path_not_found"
  | "bundle_invalid"
  | "bundle_base_missing"
  | "corrupt"
  | "chunk_missing"
  | "unsupported"
  | "permission_denied"
  | "no_space"
  | "quota_exceeded"
  | "ref_conflict"
  | "too_large"
  | "aborted"
  | "closed"
  | "io_error";

/** The one error class of this package. Test `code`; show `message`; `data` carries the values. */
export class StoreError extends Error {
  /** Always `StoreError`. */
  override readonly name = "StoreError";
  /** What went wrong, for programs. */
  readonly code: StoreErrorCode;
  /** The values that `message` names, such as `errno`, `path` or `field`. */
  readonly data: Readonly<Record<string, unknown>>;

  /** `cause`: the error that led to it. `data`: the values of the message. */
  constructor(
    code: StoreErrorCode,
    message: string,
    options: { cause?: unknown; data?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.data = options.data ?? {};
  }
}
