import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";

/** Id of the default workspace. */
export function defaultWorkspace(context: Context): string {
  const id = context.server().defaultWorkspace;
  if (id !== undefined) return id;
  throw new CliError("usage", "no workspace is named, and there is no default one", {
    exitCode: exitCode.usage,
    suggestion: "name one, or choose a default with `chaser workspaces default set W`",
  });
}
