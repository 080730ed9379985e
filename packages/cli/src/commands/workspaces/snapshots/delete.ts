import { apiPath } from "../../../client/address.js";
import type { Context } from "../../../context.js";
import { printable } from "../../../output/printable.js";
import { formatBytes } from "../../../output/units.js";

export async function run(
  context: Context,
  _options: object,
  workspace: string,
  snapshot: string,
): Promise<void> {
  const api = await context.api();
  const path = apiPath`/v1/workspaces/${workspace}/snapshots/${snapshot}`;
  const deleted = await api.call<{ name: string; freed_bytes: number }>("DELETE", path);
  context.show(
    deleted,
    () => `deleted ${printable(deleted.name)}: ${formatBytes(deleted.freed_bytes)} freed`,
  );
}
