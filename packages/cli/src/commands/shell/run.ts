import { apiPath } from "../../client/address.js";
import type { StartedSession } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { assertTerminal, attachTerminal } from "./terminal.js";

export async function run(
  context: Context,
  { command, cwd, root }: { command?: string; cwd?: string; root?: boolean },
  given?: string,
): Promise<number> {
  assertTerminal(context);
  const workspace = given ?? context.server().defaultWorkspace;
  const api = await context.api();
  const session = await api.call<StartedSession>("POST", "/v1/sessions", {
    body: { session_type: "sandbox", ...(workspace === undefined ? { ephemeral: true } : { workspace }) },
  });
  context.warn(session);
  try {
    return await attachTerminal(context, session.id, {
      ...(command === undefined ? {} : { mode: "exec", command }),
      ...(cwd === undefined ? {} : { cwd }),
      ...(root === true ? { user: "root" } : {}),
    });
  } finally {
    if (workspace === undefined)
      await api.call("DELETE", apiPath`/v1/sessions/${session.id}`).catch(() => undefined);
  }
}
