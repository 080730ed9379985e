import type { WorkspaceUsage } from "../../client/answers.js";
import { apiPath } from "../../client/address.js";
import type { Context } from "../../context.js";
import { formatProperties, formatTable } from "../../output/table.js";
import { formatBytes } from "../../output/units.js";

export async function run(context: Context, _options: object, name: string): Promise<void> {
  const api = await context.api();
  context.show(await api.call<WorkspaceUsage>("GET", apiPath`/v1/workspaces/${name}/usage`), describe);
}

function describe(usage: WorkspaceUsage): string {
  const figures = formatProperties([
    ["files", formatBytes(usage.logical_bytes)],
    ["disk", formatBytes(usage.referenced_bytes)],
    ["of it its own", `${formatBytes(usage.exclusive_bytes)}  (freed when it is deleted)`],
    ["of it shared", `${formatBytes(usage.shared_bytes)}  (with clones)`],
  ]);
  if (usage.snapshots.length === 0) return figures;
  const snapshots = formatTable(
    [
      { title: "SNAPSHOT", value: (snapshot) => snapshot.name },
      { title: "SIZE", align: "right", value: (snapshot) => formatBytes(snapshot.logical_bytes) },
      { title: "NEW ON DISK", align: "right", value: (snapshot) => formatBytes(snapshot.new_bytes) },
      { title: "REACHED", align: "right", value: (snapshot) => formatBytes(snapshot.referenced_bytes) },
      { title: "SHARED", align: "right", value: (snapshot) => formatBytes(snapshot.shared_bytes) },
      { title: "ONLY ITS OWN", align: "right", value: (snapshot) => formatBytes(snapshot.exclusive_bytes) },
    ],
    usage.snapshots,
  );
  return `${figures}\n${snapshots}`;
}
