import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";

export interface ExecOptions {
  ephemeral?: boolean;
  image?: string;
  cwd?: string;
  env?: string[];
  root?: boolean;
  /** Milliseconds. */
  timeout?: number;
  stdin: boolean;
  background?: boolean;
  tty?: boolean;
  /** What stood after `--`; undefined when there was none. */
  command?: string[];
}

export interface ExecBody {
  workspace?: string;
  ephemeral?: true;
  image?: string;
  command: string | string[];
  cwd?: string;
  env?: Record<string, string>;
  user?: "root";
  timeout_ms?: number;
}

/** The request that the options stand for. Code `usage` when they contradict each other or name no command. */
export function execBody(
  options: ExecOptions,
  given: { workspace: string | undefined; defaultWorkspace: string | undefined; env: NodeJS.ProcessEnv },
): ExecBody {
  const { command, ephemeral, image, cwd, timeout } = options;
  if (command === undefined || command.length === 0)
    throw usage("no command is given", "put it after --, as in: chaser exec my-project -- ls -l");
  if (ephemeral === true && given.workspace !== undefined)
    throw usage("--ephemeral means a fresh disk, so no workspace can be named", `leave out one of the two`);
  if (image !== undefined && ephemeral !== true)
    throw usage(
      "a workspace has an image for good, or none",
      "run it with --ephemeral, or make a workspace: chaser workspaces create --image " + image,
    );
  const workspace = ephemeral === true ? undefined : (given.workspace ?? given.defaultWorkspace);
  return {
    ...(workspace === undefined ? {} : { workspace }),
    ...(ephemeral === true ? { ephemeral } : {}),
    ...(image === undefined ? {} : { image }),
    command: command.length === 1 ? (command[0] ?? "") : command,
    ...(cwd === undefined ? {} : { cwd }),
    ...(options.env === undefined ? {} : { env: variables(options.env, given.env) }),
    ...(options.root === true ? { user: "root" } : {}),
    ...(timeout === undefined ? {} : { timeout_ms: timeout }),
  };
}

function variables(settings: string[], own: NodeJS.ProcessEnv): Record<string, string> {
  const entries = settings.map((setting): [string, string] => {
    const at = setting.indexOf("=");
    const name = at === -1 ? setting : setting.slice(0, at);
    if (name === "") throw usage(`--env ${setting} names no variable`, "it looks like --env KEY=VALUE");
    const value = at === -1 ? own[name] : setting.slice(at + 1);
    if (value === undefined)
      throw usage(`the variable ${name} is not set here`, `give it a value: --env ${name}=...`);
    return [name, value];
  });
  return Object.fromEntries(entries);
}

function usage(message: string, suggestion: string): CliError {
  return new CliError("usage", message, { exitCode: exitCode.usage, suggestion });
}
