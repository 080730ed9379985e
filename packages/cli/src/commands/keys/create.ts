import type { ApiKey } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { printable } from "../../output/printable.js";

/** The secret goes to stdout alone, so that `KEY=$(chaser keys create ci)` works. */
export async function run(context: Context, options: { scope?: string[] }, name: string): Promise<void> {
  const api = await context.api();
  const key = await api.call<ApiKey & { secret: string }>("POST", "/v1/keys", {
    body: { name, scopes: options.scope },
  });
  context.show(key, () => printable(key.secret));
  if (!context.json) context.note("this key is shown once; keep it in a safe place");
}
