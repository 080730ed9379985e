import type { Snapshot } from "../../../client/answers.js";
import { apiPath } from "../../../client/address.js";
import type { Context } from "../../../context.js";
import { formatTable } from "../../../output/table.js";
import { formatBytes, formatCount, formatTime } from "../../../output/units.js";

export async function run(context: Context, _options: object, workspace: string): Promise<void> {
  const api = await context.api();
  const list = await api.list<Snapshot>(apiPath`/v1/workspaces/${workspace}/snapshots`);
  context.show(list, () => (list.length === 0 ? "no snapshots yet" : table(list)));
}

function table(list: Snapshot[]): string {
  return formatTable(
    [
      { title: "NAME", value: (snapshot) => snapshot.name },
      { title: "CREATED", value: (snapshot) => formatTime(snapshot.created_at) },
      { title: "FILES", align: "right", value: (snapshot) => formatCount(snapshot.files) },
      { title: "SIZE", align: "right", value: (snapshot) => formatBytes(snapshot.logical_bytes) },
      { title: "NEW ON DISK", align: "right", value: (snapshot) => formatBytes(snapshot.new_bytes) },
      { title: "COMMENT", value: (snapshot) => snapshot.comment },
    ],
    list,
  );
}
