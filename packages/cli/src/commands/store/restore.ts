import type { Context } from "../../context.js";
import { formatChanges } from "../../output/changes.js";
import { printable } from "../../output/printable.js";
import { formatDuration } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";
import { treePath } from "./paths.js";
import { problemsJson, reportProblems } from "./problems.js";

interface Options extends StoreOptions {
  dryRun?: boolean;
  delete?: boolean;
  path?: string[];
}

export async function run(context: Context, options: Options, name: string, target: string): Promise<number> {
  const dryRun = options.dryRun === true;
  const result = await withStore(context, options, (store, call) =>
    store.restore(name, target, {
      ...call,
      dryRun,
      delete: options.delete === true,
      ...(options.path === undefined ? {} : { paths: options.path.map(treePath) }),
    }),
  );
  const document = {
    dry_run: dryRun,
    created: result.created,
    changed: result.changed,
    deleted: result.deleted,
    unchanged: result.unchanged,
    written_bytes: result.writtenBytes,
    duration_ms: Math.round(result.durationMs),
    problems: problemsJson(result.problems),
  };
  context.show(document, () =>
    dryRun
      ? `would restore ${printable(name)}: ${formatChanges(document)}`
      : `restored ${printable(name)}: ${formatChanges(document)}, in ${formatDuration(result.durationMs)}`,
  );
  return reportProblems(context, result.problems);
}
