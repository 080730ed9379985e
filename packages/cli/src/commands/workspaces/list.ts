import type { Workspace } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { formatTable } from "../../output/table.js";
import { formatBytes, formatTime } from "../../output/units.js";

export async function run(context: Context, options: { template?: boolean }): Promise<void> {
  const api = await context.api();
  const list = await api.list<Workspace>("/v1/workspaces", {
    query: { template: options.template === true ? "true" : undefined },
  });
  context.show(list, () =>
    list.length === 0 ? "no workspaces yet; `chaser workspaces create --name NAME` makes one" : table(list),
  );
}

function table(list: Workspace[]): string {
  return formatTable(
    [
      { title: "NAME", value: (workspace) => workspace.name ?? "-" },
      { title: "STATUS", value: (workspace) => workspace.status },
      { title: "TEMPLATE", value: (workspace) => (workspace.template ? "yes" : "") },
      { title: "DISK", align: "right", value: (workspace) => formatBytes(workspace.disk_bytes) },
      { title: "CREATED", value: (workspace) => formatTime(workspace.created_at) },
      { title: "ID", value: (workspace) => workspace.id },
    ],
    list,
  );
}
