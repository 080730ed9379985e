import type { Context } from "../../context.js";
import { openShell } from "./shell.js";

export async function run(
  context: Context,
  options: { command?: string; cwd?: string },
  workspace?: string,
): Promise<number> {
  return openShell(context, {
    workspace: workspace ?? context.server().defaultWorkspace,
    command: options.command,
    cwd: options.cwd,
  });
}
