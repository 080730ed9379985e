import type { Workspace } from "../../client/answers.js";
import { apiPath } from "../../client/address.js";
import type { Context } from "../../context.js";
import { describeWorkspace } from "./describe.js";

export async function run(context: Context, _options: object, name: string): Promise<void> {
  const api = await context.api();
  context.show(await api.call<Workspace>("GET", apiPath`/v1/workspaces/${name}`), describeWorkspace);
}
