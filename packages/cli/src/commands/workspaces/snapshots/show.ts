import type { Snapshot } from "../../../client/answers.js";
import { apiPath } from "../../../client/address.js";
import type { Context } from "../../../context.js";
import { describeSnapshot } from "../describe.js";

export async function run(
  context: Context,
  _options: object,
  workspace: string,
  name: string,
): Promise<void> {
  const api = await context.api();
  const path = apiPath`/v1/workspaces/${workspace}/snapshots/${name}`;
  context.show(await api.call<Snapshot>("GET", path), describeSnapshot);
}
