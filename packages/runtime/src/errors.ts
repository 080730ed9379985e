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
 * `image_not_found`: there is no such image, or whoever has it does not give it to this server; the message says why.
 * `image_unsupported`: the image is there and cannot be used: not for this processor, malformed, beyond a limit.
 * `image_failed`: the image could not be unpacked for a reason of this machine: no space, a program that was ended.
 * `too_many_commands`: no more commands and terminals may run in the background of this session. End one.
 * `input_gap`: input with an offset beyond what was received. Send it again from `data.expectedOffset`.
 * `input_closed`: the command has ended, or its input has.
 * `runtime_closed`: the runtime was closed before.
 * `path_not_found`: there is no such file in the session.
 * `path_denied`: the user of the session may not read it, or something in it; the message names it.
 * `path_unsupported`: it is a device, a FIFO or a socket.
 * `file_too_large`: a file of an upload is larger than any file in the session may be.
 * `disk_full`: the disk, or the filesystem below it, has no room for an upload.
 * `transfer_failed`: a transfer went wrong half way, for the cause in the message. An upload has changed nothing.
 * `import_refused`: the repository is not one that may be imported; the message says which rule it breaks.
 * `import_failed`: git could not fetch the repository; the message holds its reason.
 * `port_closed`: nothing listens on that port inside the session.
 * `too_many_connections`: no more connections to ports of this session may be open. Close one.
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
  | "image_not_found"
  | "image_unsupported"
  | "image_failed"
  | "too_many_commands"
  | "input_gap"
  | "input_closed"
  | "runtime_closed"
  | "path_not_found"
  | "path_denied"
  | "path_unsupported"
  | "file_too_large"
  | "disk_full"
  | "transfer_failed"
  | "import_refused"
  | "import_failed"
  | "port_closed"
  | "too_many_connections";

export class RuntimeError extends Error {
  override readonly name = "RuntimeError";

  constructor(
    readonly code: RuntimeErrorCode,
    message: string,
    readonly data: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(inOneLine(message), options);
  }
}

/** Messages hold what programs said, who say it in lines; and a control byte could drive the terminal that shows it. */
function inOneLine(message: string): string {
  const joined = message.trim().replace(/\s*[\r\n]\s*/g, "; ");
  return joined.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
