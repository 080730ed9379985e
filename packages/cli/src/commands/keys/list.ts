import type { ApiKey } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { formatTable } from "../../output/table.js";
import { formatTime } from "../../output/units.js";

export async function run(context: Context): Promise<void> {
  const api = await context.api();
  const list = await api.list<ApiKey>("/v1/keys");
  context.show(list, () => (list.length === 0 ? "no keys" : table(list)));
}

function table(list: ApiKey[]): string {
  return formatTable(
    [
      { title: "NAME", value: (key) => key.name },
      { title: "KEY", value: (key) => key.prefix + "..." },
      { title: "SCOPES", value: (key) => key.scopes?.join(", ") ?? "all" },
      { title: "CREATED", value: (key) => formatTime(key.created_at) },
      { title: "LAST USED", value: (key) => formatTime(key.last_used_at) },
      { title: "ID", value: (key) => key.id },
    ],
    list,
  );
}
