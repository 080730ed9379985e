import type { Account } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { formatTable } from "../../output/table.js";
import { formatTime } from "../../output/units.js";

export async function run(context: Context): Promise<void> {
  const api = await context.api();
  context.show(await api.call<Account[]>("GET", "/v1/accounts"), (list) =>
    formatTable(
      [
        { title: "NAME", value: (account) => account.name },
        { title: "KIND", value: (account) => account.kind },
        { title: "CREATED", value: (account) => formatTime(account.created_at) },
        { title: "ID", value: (account) => account.id },
      ],
      list,
    ),
  );
}
