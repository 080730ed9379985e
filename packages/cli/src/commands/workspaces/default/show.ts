import type { Workspace } from "../../../client/answers.js";
import { apiPath } from "../../../client/address.js";
import type { Context } from "../../../context.js";
import { defaultWorkspace } from "../chosen.js";
import { describeWorkspace } from "../describe.js";

export async function run(context: Context): Promise<void> {
  const id = defaultWorkspace(context);
  const api = await context.api();
  context.show(await api.call<Workspace>("GET", apiPath`/v1/workspaces/${id}`), describeWorkspace);
}
