import { changeCredentials } from "../../../client/credentials.js";
import type { Context } from "../../../context.js";

export function run(context: Context): Promise<void> {
  const { credentialsFile, url, defaultWorkspace } = context.server();
  if (defaultWorkspace !== undefined)
    changeCredentials(credentialsFile, url, ({ default_workspace: _cleared, ...rest }) => rest);
  context.show({ default_workspace: null }, () => "there is no default workspace now");
  return Promise.resolve();
}
