import type { StoppedSessions } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";

type Status = StoppedSessions["results"][number]["status"];

const words: Record<Status, string> = {
  ended: "ended",
  not_active: "had ended before",
  not_found: "not found",
  failed: "could not be ended",
};

export async function run(
  context: Context,
  options: { workspace?: string[]; all?: boolean },
  ids: string[],
): Promise<number> {
  if (ids.length === 0 && options.workspace === undefined && options.all !== true)
    throw new CliError("usage", "no session is named", {
      exitCode: exitCode.usage,
      suggestion: "give ids, --workspace W or --all; `chaser sessions list` shows what is running",
    });
  const api = await context.api();
  const answer = await api.call<StoppedSessions>("POST", "/v1/sessions/bulk-terminate", {
    body: {
      ids: ids.length === 0 ? undefined : ids,
      workspaces: options.workspace,
      all: options.all,
    },
  });
  context.show(answer, describe);
  const statuses = answer.results.map((result) => result.status);
  if (statuses.includes("failed")) return exitCode.failure;
  return statuses.includes("not_found") ? exitCode.notFound : exitCode.ok;
}

function describe({ results }: StoppedSessions): string {
  if (results.length === 0) return "no sessions to end";
  return results.map(({ id, status }) => `${printable(id)} ${words[status] ?? printable(status)}\n`).join("");
}
