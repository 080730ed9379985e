/** Codes of errors that start in the command line itself. */
export type CliErrorCode =
  | "usage"
  | "no_server"
  | "no_api_key"
  | "no_store"
  | "bad_answer"
  | "stream_ended"
  | "stdin_not_text"
  | "stdin_too_large"
  | "store_exists"
  | "target_exists"
  | "config_unreadable"
  | "listen_failed"
  | "interrupted"
  | "failed";

/**
 * The one error class of this package. `code` is one of `CliErrorCode`, or the code that the server or the store
 * gave, unchanged, so that a script can test for the documented codes of either.
 */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: CliErrorCode | (string & {});
  readonly exitCode: number;
  /** What the person can do next; shown after `hint:`. */
  readonly suggestion: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly requestId: string | undefined;

  constructor(
    code: CliErrorCode | (string & {}),
    message: string,
    options: {
      exitCode?: number | undefined;
      suggestion?: string | undefined;
      details?: Record<string, unknown> | undefined;
      requestId?: string | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? 1;
    this.suggestion = options.suggestion;
    this.details = options.details;
    this.requestId = options.requestId;
  }
}
