import type { Session, Workspace } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { formatTable } from "../../output/table.js";
import { formatTime } from "../../output/units.js";

export async function run(context: Context, options: { all?: boolean; workspace?: string }): Promise<void> {
  const api = await context.api();
  const list = await api.list<Session>("/v1/sessions", {
    query: { status: options.all === true ? undefined : "active", workspace: options.workspace },
  });
  if (context.json) return context.printJson(list);
  if (list.length === 0) return context.print("no sessions");
  const workspaces = await api.list<Workspace>("/v1/workspaces");
  context.print(table(list, new Map(workspaces.map(({ id, name }) => [id, name ?? id]))));
}

/** A workspace that has been deleted since is shown by its id. */
function table(list: Session[], names: Map<string, string>): string {
  const workspaceOf = ({ workspace_id: id }: Session): string =>
    id === null ? "(ephemeral)" : (names.get(id) ?? id);
  return formatTable(
    [
      { title: "ID", value: (session) => session.id },
      { title: "STATUS", value: (session) => session.status },
      { title: "WORKSPACE", value: workspaceOf },
      { title: "STARTED", value: (session) => formatTime(session.created_at) },
      { title: "LAST USED", value: (session) => formatTime(session.last_used_at) },
      { title: "ENDS", value: (session) => formatTime(session.ended_at ?? session.expires_at) },
    ],
    list,
  );
}
