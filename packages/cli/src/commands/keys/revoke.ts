import { apiPath } from "../../client/address.js";
import type { Context } from "../../context.js";
import { printable } from "../../output/printable.js";

export async function run(context: Context, _options: object, id: string): Promise<void> {
  const api = await context.api();
  await api.call("DELETE", apiPath`/v1/keys/${id}`);
  context.show({ revoked: id }, () => `revoked ${printable(id)}`);
}
