import type { Snapshot } from "../../../client/answers.js";
import { apiPath } from "../../../client/address.js";
import type { Context } from "../../../context.js";
import { printable } from "../../../output/printable.js";
import { formatBytes, plural } from "../../../output/units.js";

export async function run(
  context: Context,
  options: { name?: string; comment?: string },
  workspace: string,
): Promise<void> {
  const { name, comment } = options;
  const api = await context.api();
  const snapshot = await api.call<Snapshot>("POST", apiPath`/v1/workspaces/${workspace}/snapshots`, {
    body: { name, comment },
  });
  context.show(
    snapshot,
    () =>
      `took ${printable(snapshot.name)}: ${plural(snapshot.files, "file")}, ` +
      `${formatBytes(snapshot.logical_bytes)}, ${formatBytes(snapshot.new_bytes)} new on disk`,
  );
}
