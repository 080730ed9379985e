import type { Workspace } from "../../client/answers.js";
import { streamError } from "../../client/failure.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { printable } from "../../output/printable.js";
import { workspaceTitle } from "./describe.js";

interface Options {
  ref?: string;
  name?: string;
}

interface Progress {
  phase: string;
  done: number;
  total: number;
}

const clearLine = "\r\u001b[K";

/** The token comes from the environment: an argument could be read by every user of the machine. */
export async function run(context: Context, options: Options, repository: string): Promise<void> {
  const api = await context.api();
  const { stderr } = context;
  const shows = stderr.isTTY && !context.json;
  const token = context.env["CHASER_GIT_TOKEN"] || undefined;
  const events = api.stream("POST", "/v1/workspaces/import", {
    body: { github_repo: repository, ref: options.ref, name: options.name, token },
    signal: context.interrupt(),
  });
  let workspace: Workspace | undefined;
  try {
    for await (const { event, data } of events) {
      if (event === "error") throw streamError(data, { url: api.url });
      if (event === "complete") workspace = JSON.parse(data) as Workspace;
      if (event === "progress" && shows) stderr.write(clearLine + describe(JSON.parse(data) as Progress));
    }
  } finally {
    if (shows) stderr.write(clearLine);
  }
  if (workspace === undefined)
    throw new CliError("stream_ended", "the server ended the stream without saying how the import ended", {
      suggestion: "look whether it is there: chaser workspaces list",
    });
  context.show(workspace, (made) => `created ${workspaceTitle(made)} from ${printable(repository)}`);
}

function describe({ phase, done, total }: Progress): string {
  return `${printable(phase).padEnd(12)} ${Math.floor((done / Math.max(1, total)) * 100)} %  ${done} of ${total}`;
}
