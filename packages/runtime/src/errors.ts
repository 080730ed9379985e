/**
 * `sandbox_unavailable`: this machine, as it is, cannot run a sandbox; `chaser doctor` says what is missing.
 * `session_ended`: the session is over, or ended while the call was under way. Start another.
 * `session_exists`: a session of this id is running. End it first, or take another id.
 * `invalid_argument`: the caller passed something that can never work; the message names it.
 * `network_not_allowed`: the operator has not allowed this network mode.
 * `network_unavailable`: the network could not be brought up; the message holds the cause.
 * `working_directory_not_found`: the command was not run, because its working directory is not there.
 * `run_directory_in_use`: another runtime holds the run directory. One process, one run directory.
 * `pause_failed`: the processes of the session could not all be stopped; they go on.
 * `runtime_closed`: the runtime was closed before.
 */
export type RuntimeErrorCode =
  | "sandbox_unavailable"
  | "session_ended"
  | "session_exists"
  | "invalid_argument"
  | "network_not_allowed"
  | "network_unavailable"
  | "working_directory_not_found"
  | "run_directory_in_use"
  | "pause_failed"
  | "runtime_closed";

export class RuntimeError extends Error {
  override readonly name = "RuntimeError";

  constructor(
    readonly code: RuntimeErrorCode,
    message: string,
    readonly data: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
