import { apiPath } from "../../client/address.js";
import type { CommandEnd, StartedCommand } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";
import { formatDuration } from "../../output/units.js";
import { pullImage } from "../pull-image.js";
import { execBody, type ExecBody, type ExecOptions } from "./body.js";
import { readInput } from "./input.js";
import { streamCommand } from "./stream.js";

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
  if (body.env !== undefined || body.timeout_ms !== undefined)
    throw new CliError("usage", "--tty takes neither --env nor --timeout", {
      exitCode: exitCode.usage,
      suggestion: "set variables in the command itself: chaser exec W -t -- 'A=b timeout 5 COMMAND'",
    });
  const { openShell } = await import("../shell/shell.js");
  const command = typeof body.command === "string" ? body.command : body.command.map(quote).join(" ");
  return openShell(context, { workspace: body.workspace, command, cwd: body.cwd });
}

/** One word for a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function startInBackground(context: Context, body: ExecBody): Promise<number> {
  const api = await context.api();
  const started = await api.call<StartedCommand>("POST", "/v1/exec", {
    // Nobody is left to type: a program that waits for input would wait for ever.
    body: { ...body, background: true, stdin_open: false },
    signal: context.interrupt(),
  });
  context.show(started, ({ command_id: id }) => id);
  return exitCode.ok;
}

async function runToEnd(context: Context, options: ExecOptions, body: ExecBody): Promise<number> {
  const signal = context.interrupt();
  const stdin = options.stdin === false ? undefined : await readInput(context, signal);
  const api = await context.api();
  const result = await api.call<CommandEnd>("POST", "/v1/exec", { body: { ...body, stdin }, signal });
  context.printJson(result);
  return result.exit_code;
}

async function runStreaming(context: Context, options: ExecOptions, body: ExecBody): Promise<number> {
  const stdin = options.stdin === false ? undefined : await readInput(context, context.interrupt());
  const api = await context.api();
  let started: StartedCommand | undefined;
  const leave = new AbortController();
  const signal = context.forwardInterrupt((name) => {
    // Before it has started there is nothing to signal; going away then ends it.
    if (started === undefined)
      return leave.abort(new CliError("interrupted", "interrupted", { exitCode: exitCode.interrupted }));
    const path = apiPath`/v1/sessions/${started.session_id}/commands/${started.command_id}/kill`;
    api.call("POST", path, { body: { signal: name } }).catch((error: unknown) => leave.abort(error));
  });
  const events = api.stream("POST", "/v1/exec", {
    body: { ...body, stdin },
    signal: AbortSignal.any([signal, leave.signal]),
  });
  const end = await streamCommand(events, context, (command) => (started = command));
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
