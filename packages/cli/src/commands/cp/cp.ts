import { statSync } from "node:fs";
import type { StartedSession } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { download } from "./download.js";
import { copyUsage, parsePlace } from "./place.js";
import { upload } from "./upload.js";

export async function run(context: Context, _options: object, source: string, target: string): Promise<void> {
  const [from, to] = [parsePlace(source), parsePlace(target)];
  if (from.kind === to.kind) throw copyUsage("a copy goes between this machine and a workspace");
  const api = await context.api();
  const signal = context.interrupt();
  const session = async (workspace: string): Promise<string> => {
    const body = { session_type: "sandbox", workspace };
    const started = await api.call<StartedSession>("POST", "/v1/sessions", { body, signal });
    context.warn(started);
    return started.id;
  };
  if (from.kind === "remote" && to.kind === "local") {
    const bytes = await download(context, api, {
      session: await session(from.workspace),
      from: from.path,
      to: to.path,
      signal,
    });
    if (to.path !== "-" && context.json) context.printJson({ bytes });
  } else if (from.kind === "local" && to.kind === "remote") {
    // Before a session starts for nothing.
    if (from.path !== "-") statSync(from.path);
    const bytes = await upload(context, api, {
      session: await session(to.workspace),
      from: from.path,
      to: to.path,
      signal,
    });
    if (context.json) context.printJson({ bytes });
  }
}
