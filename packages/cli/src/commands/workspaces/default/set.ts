import type { Workspace } from "../../../client/answers.js";
import { apiPath } from "../../../client/address.js";
import { changeCredentials } from "../../../client/credentials.js";
import type { Context } from "../../../context.js";
import { workspaceTitle } from "../describe.js";

/** Keeps the id, which outlives a renaming. */
export async function run(context: Context, _options: object, name: string): Promise<void> {
  const api = await context.api();
  const workspace = await api.call<Workspace>("GET", apiPath`/v1/workspaces/${name}`);
  const { credentialsFile, url } = context.server();
  changeCredentials(credentialsFile, url, (saved) => ({ ...saved, default_workspace: workspace.id }));
  context.show(workspace, () => `${workspaceTitle(workspace)} is the default workspace now`);
}
