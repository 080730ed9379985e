import type { Session } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { formatTable } from "../../output/table.js";
import { formatTime } from "../../output/units.js";

export async function run(context: Context, options: { all?: boolean; workspace?: string }): Promise<void> {
  const api = await context.api();
  const list = await api.call<Session[]>("GET", "/v1/sessions", {
    query: { status: options.all === true ? undefined : "active", workspace: options.workspace },
  });
  context.show(list, () => (list.length === 0 ? "no sessions" : table(list)));
}

function table(list: Session[]): string {
  return formatTable(
    [
      { title: "ID", value: (session) => session.id },
      { title: "STATUS", value: (session) => session.status },
      { title: "WORKSPACE", value: (session) => session.workspace_id ?? "(ephemeral)" },
      { title: "STARTED", value: (session) => formatTime(session.created_at) },
      { title: "LAST USED", value: (session) => formatTime(session.last_used_at) },
      { title: "ENDS", value: (session) => formatTime(session.ended_at ?? session.expires_at) },
    ],
    list,
  );
}
