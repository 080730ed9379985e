import type { CommandEnd } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { printable } from "../../output/printable.js";
import { formatDuration } from "../../output/units.js";
import { execBody, type ExecOptions } from "./body.js";
import { readInput } from "./input.js";
import { streamCommand } from "./stream.js";

export async function run(context: Context, options: ExecOptions, workspace?: string): Promise<number> {
  const signal = context.interrupt();
  const body = execBody(options, {
    workspace,
    defaultWorkspace: context.server().defaultWorkspace,
    env: context.env,
  });
  const stdin = options.stdin === false ? undefined : await readInput(context, signal);
  const api = await context.api();
  const request = { body: { ...body, stdin }, signal };
  try {
    if (context.json) {
      const result = await api.call<CommandEnd>("POST", "/v1/exec", request);
      context.printJson(result);
      return result.exit_code;
    }
    const end = await streamCommand(api.stream("POST", "/v1/exec", request), context);
    if (end.timed_out)
      context.note(`error: timed out after ${formatDuration(options.timeout ?? end.duration_ms)}`);
    const reached = (end.limits_hit ?? []).filter((name) => name !== "time");
    if (reached.length > 0) context.note(`note: limits reached: ${reached.map(printable).join(", ")}`);
    return end.exit_code;
  } catch (error) {
    throw explainDefault(error, workspace, body.workspace);
  }
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
