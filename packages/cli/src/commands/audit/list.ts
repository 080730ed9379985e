import type { AuditEvent } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { formatTable } from "../../output/table.js";
import { formatTime } from "../../output/units.js";

export async function run(context: Context, options: { limit: number; before?: string }): Promise<void> {
  const api = await context.api();
  const list = await api.call<AuditEvent[]>("GET", "/v1/audit/events", {
    query: { limit: String(options.limit), before: options.before },
  });
  context.show(list, () => (list.length === 0 ? "no events" : table(list)));
}

function table(list: AuditEvent[]): string {
  return formatTable(
    [
      { title: "TIME", value: (event) => formatTime(event.at) },
      { title: "ACTION", value: (event) => event.action },
      { title: "TARGET", value: (event) => event.target ?? "-" },
      { title: "KEY", value: (event) => event.key_id },
      { title: "ID", value: (event) => event.id },
    ],
    list,
  );
}
