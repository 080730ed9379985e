import { apiPath } from "../../client/address.js";
import type { CommandEnd, StartedCommand } from "../../client/answers.js";
import type { ApiClient } from "../../client/api.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import type { ExecBody } from "./body.js";
import { inputOf, passInput, type PieceOfInput } from "./input.js";
import { streamCommand, type Sink } from "./stream.js";

/** The command has ended, or takes no more: what is left of the input is nobody's. */
const inputOver = new Set(["stdin_closed", "not_found"]);

/** Runs a command to its end, with this process's input and Ctrl-C. Gives how it ended and where it ran. */
export async function runInForeground(
  context: Context,
  body: ExecBody & { max_output_bytes?: number },
  options: { stdin: boolean; to: { stdout: Sink; stderr: Sink } },
): Promise<{ end: CommandEnd; started: StartedCommand | undefined }> {
  const api = await context.api();
  const input = options.stdin ? inputOf(context) : undefined;
  const leave = new AbortController();
  const ended = new AbortController();
  let started: StartedCommand | undefined;
  const signal = context.forwardInterrupt((name) => {
    // Before it has started there is nothing to signal; going away then ends it.
    if (started === undefined)
      return leave.abort(new CliError("interrupted", "interrupted", { exitCode: exitCode.interrupted }));
    api
      .call("POST", `${pathOf(started)}/kill`, { body: { signal: name } })
      .catch((error: unknown) => leave.abort(error));
  });
  const events = api.stream("POST", "/v1/exec", {
    body: { ...body, stdin_open: input !== undefined },
    signal: AbortSignal.any([signal, leave.signal]),
  });
  try {
    const end = await streamCommand(events, options.to, (command) => {
      started = command;
      context.warn(command);
      if (input === undefined) return;
      const send = (piece: PieceOfInput): Promise<number> => sendPiece(api, command, piece, ended.signal);
      passInput(input, send, ended.signal).catch((error: unknown) => {
        if (!(error instanceof CliError) || !inputOver.has(error.code)) leave.abort(error);
      });
    });
    return { end, started };
  } finally {
    ended.abort();
    // A pipe that is still open would keep this process.
    input?.destroy();
  }
}

async function sendPiece(
  api: ApiClient,
  command: StartedCommand,
  { bytes, offset, end }: PieceOfInput,
  signal: AbortSignal,
): Promise<number> {
  const { received_bytes: received } = await api.send<{ received_bytes: number }>(
    `${pathOf(command)}/stdin`,
    {
      query: { offset: String(offset), ...(end ? { eof: "true" } : {}) },
      content: [bytes],
      contentType: "application/octet-stream",
      contentBytes: bytes.length,
      signal,
    },
  );
  return received;
}

function pathOf({ session_id: session, command_id: command }: StartedCommand): string {
  return apiPath`/v1/sessions/${session}/commands/${command}`;
}
