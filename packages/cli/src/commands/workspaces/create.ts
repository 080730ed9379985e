import type { Workspace } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { printable } from "../../output/printable.js";
import { pullImage } from "../pull-image.js";
import { workspaceTitle } from "./describe.js";

interface Options {
  name?: string;
  sessionType?: string;
  cloneFrom?: string;
  image?: string;
  template?: boolean;
}

export async function run(context: Context, options: Options): Promise<void> {
  const { name, cloneFrom, image, template } = options;
  // A clone takes its session type from the source, so the default is not sent along with it.
  const sessionType = options.sessionType ?? (cloneFrom === undefined ? "sandbox" : undefined);
  const api = await context.api();
  if (image !== undefined && cloneFrom === undefined) await pullImage(context, api, image);
  const workspace = await api.call<Workspace>("POST", "/v1/workspaces", {
    body: { name, session_type: sessionType, clone_from: cloneFrom, image, template },
  });
  context.show(workspace, () => {
    const origin = cloneFrom === undefined ? "" : `, a clone of ${printable(cloneFrom)}`;
    return `created ${workspaceTitle(workspace)}${workspace.template ? " (template)" : ""}${origin}`;
  });
}
