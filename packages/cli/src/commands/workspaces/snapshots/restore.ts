import type { RestoreAnswer } from "../../../client/answers.js";
import { apiPath } from "../../../client/address.js";
import type { Context } from "../../../context.js";
import { formatChanges } from "../../../output/changes.js";
import { printable } from "../../../output/printable.js";
import { formatDuration } from "../../../output/units.js";

interface Options {
  force?: boolean;
  dryRun?: boolean;
  path?: string[];
}

export async function run(
  context: Context,
  options: Options,
  workspace: string,
  snapshot: string,
): Promise<void> {
  const api = await context.api();
  const path = apiPath`/v1/workspaces/${workspace}/snapshots/${snapshot}/restore`;
  const answer = await api.call<RestoreAnswer>("POST", path, {
    query: { force: options.force === true ? "true" : undefined },
    body: { paths: options.path, dry_run: options.dryRun },
  });
  context.show(answer, () => describe(answer, workspace));
  for (const problem of answer.problems) context.note(`warning: ${problem.path}: ${problem.message}`);
}

function describe(answer: RestoreAnswer, workspace: string): string {
  const name = printable(answer.snapshot.name);
  if (answer.dry_run) return `would restore ${name}: ${formatChanges(answer)}`;
  const undo =
    answer.undo_snapshot === null
      ? ""
      : `\nthe state before is kept: chaser workspaces snapshots restore ${printable(workspace)} ` +
        printable(answer.undo_snapshot.name);
  return `restored ${name}: ${formatChanges(answer)} (${formatDuration(answer.duration_ms)})${undo}`;
}
