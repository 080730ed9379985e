import type { Workspace } from "../../client/answers.js";
import { apiPath } from "../../client/address.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { defaultWorkspace } from "./chosen.js";
import { workspaceTitle } from "./describe.js";

/** One argument is the new name, unless `--clear` is given: then it is the workspace. */
export async function run(
  context: Context,
  options: { clear?: boolean },
  first?: string,
  second?: string,
): Promise<void> {
  const clear = options.clear === true;
  if (clear ? second !== undefined : first === undefined)
    throw new CliError("usage", clear ? "--clear takes no new name" : "the new name is missing", {
      exitCode: exitCode.usage,
      suggestion: "chaser workspaces label [W] NEW-NAME, or chaser workspaces label [W] --clear",
    });
  const workspace = (clear || second !== undefined ? first : undefined) ?? defaultWorkspace(context);
  const name = clear ? null : (second ?? first);
  const api = await context.api();
  const renamed = await api.call<Workspace>("PUT", apiPath`/v1/workspaces/${workspace}/name`, {
    body: { name },
  });
  context.show(renamed, () =>
    clear ? `${renamed.id} has no name now` : `${renamed.id} is called ${workspaceTitle(renamed)} now`,
  );
}
