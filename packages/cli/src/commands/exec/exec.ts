import { apiPath } from "../../client/address.js";
import type { StartedCommand } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";
import { formatDuration } from "../../output/units.js";
import { pullImage } from "../pull-image.js";
import { execBody, type ExecBody, type ExecOptions } from "./body.js";
import { runInForeground } from "./run.js";
import type { Sink } from "./stream.js";

export async function run(context: Context, options: ExecOptions, workspace?: string): Promise<number> {
  const body = execBody(options, {
    workspace,
    defaultWorkspace: context.server().defaultWorkspace,
    env: context.env,
  });
  try {
    if (body.image !== undefined && body.workspace === undefined)
      await pullImage(context, await context.api(), body.image);
    if (options.tty === true) return await runInTerminal(context, options, body);
    if (options.background === true) return await startInBackground(context, body);
    if (context.json) return await runToEnd(context, options, body);
    return await runStreaming(context, options, body);
  } catch (error) {
    throw explainDefault(error, workspace, body.workspace);
  }
}

async function runInTerminal(context: Context, options: ExecOptions, body: ExecBody): Promise<number> {
  if (options.background === true || context.json)
    throw new CliError("usage", "--tty goes with neither --background nor --json", {
      exitCode: exitCode.usage,
    });
  const { assertTerminal, attachTerminal, sizeOf } = await import("../shell/terminal.js");
  assertTerminal(context);
  const api = await context.api();
  const started = await api.call<StartedCommand>("POST", "/v1/exec", {
    body: { ...body, background: true, terminal: sizeOf(context) ?? {} },
    signal: context.interrupt(),
  });
  context.warn(started);
  const { session_id: session, command_id: command } = started;
  try {
    return await attachTerminal(context, session, { pty_id: command });
  } finally {
    if (body.workspace === undefined)
      await api.call("DELETE", apiPath`/v1/sessions/${session}`).catch(() => undefined);
  }
}

async function startInBackground(context: Context, body: ExecBody): Promise<number> {
  const api = await context.api();
  const started = await api.call<StartedCommand>("POST", "/v1/exec", {
    // Nobody is left to type: a program that waits for input would wait for ever.
    body: { ...body, background: true, stdin_open: false },
    signal: context.interrupt(),
  });
  if (!context.json) context.warn(started);
  context.show(started, ({ command_id: id }) => id);
  return exitCode.ok;
}

/** What a command prints is held in memory, as the server does for a JSON answer. */
const jsonOutputBytesMax = 1024 * 1024;

async function runToEnd(context: Context, { stdin }: ExecOptions, body: ExecBody): Promise<number> {
  const pieces = { output: [] as Buffer[], stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const keep = (name: "stdout" | "stderr"): Sink => ({
    write: (bytes) => pieces.output.push(bytes) > 0 && pieces[name].push(bytes) > 0,
    once: () => undefined,
  });
  const { end, started } = await runInForeground(
    context,
    { ...body, max_output_bytes: jsonOutputBytesMax },
    { stdin, to: { stdout: keep("stdout"), stderr: keep("stderr") } },
  );
  const text = (name: keyof typeof pieces): string => Buffer.concat(pieces[name]).toString();
  context.printJson({
    ...end,
    output: text("output"),
    stdout: text("stdout"),
    stderr: text("stderr"),
    session_id: started?.session_id,
  });
  return end.exit_code;
}

async function runStreaming(context: Context, options: ExecOptions, body: ExecBody): Promise<number> {
  const { end } = await runInForeground(context, body, { stdin: options.stdin, to: context });
  if (end.timed_out)
    context.note(`error: timed out after ${formatDuration(options.timeout ?? end.duration_ms)}`);
  const reached = (end.limits_hit ?? []).filter((name) => name !== "time");
  if (reached.length > 0) context.note(`note: limits reached: ${reached.map(printable).join(", ")}`);
  return end.exit_code;
}

/** "not found" about a name that nobody typed needs a word more. */
function explainDefault(error: unknown, typed: string | undefined, used: string | undefined): unknown {
  if (!(error instanceof CliError) || error.code !== "not_found" || typed !== undefined || used === undefined)
    return error;
  return new CliError(error.code, `the default workspace ${used} does not exist any more`, {
    exitCode: error.exitCode,
    suggestion: "choose another with `chaser workspaces default set W`, or `chaser workspaces default clear`",
    requestId: error.requestId,
    cause: error,
  });
}
