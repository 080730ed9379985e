import { apiPath } from "../../client/address.js";
import type { Context } from "../../context.js";
import { printable } from "../../output/printable.js";

export async function run(context: Context, options: { force?: boolean }, name: string): Promise<void> {
  const api = await context.api();
  await api.call("DELETE", apiPath`/v1/workspaces/${name}`, {
    query: { force: options.force === true ? "true" : undefined },
  });
  context.show({ deleted: name }, () => `deleted ${printable(name)}`);
}
