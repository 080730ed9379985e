import type { Workspace } from "../../client/answers.js";
import { apiPath } from "../../client/address.js";
import type { Context } from "../../context.js";
import { defaultWorkspace } from "./chosen.js";
import { workspaceTitle } from "./describe.js";

export async function run(context: Context, options: { off?: boolean }, name?: string): Promise<void> {
  const workspace = name ?? defaultWorkspace(context);
  const api = await context.api();
  const marked = await api.call<Workspace>("PUT", apiPath`/v1/workspaces/${workspace}/template`, {
    body: { template: options.off !== true },
  });
  context.show(
    marked,
    () => `${workspaceTitle(marked)} is ${marked.template ? "a template" : "no template"} now`,
  );
}
