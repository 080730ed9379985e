import type { Context } from "../../context.js";
import { printable } from "../../output/printable.js";
import { formatBytes, formatDuration, plural } from "../../output/units.js";
import { snapshotJson } from "./describe.js";
import { withStore, type StoreOptions } from "./opened.js";
import { problemsJson, reportProblems } from "./problems.js";

interface Options extends StoreOptions {
  name?: string;
  comment?: string;
  exclude?: string[];
}

export async function run(context: Context, options: Options, source: string): Promise<number> {
  const { name, comment, exclude } = options;
  const { snapshot, durationMs, problems } = await withStore(context, options, (store, call) =>
    store.snapshot(source, {
      ...call,
      ...(name === undefined ? {} : { name }),
      ...(comment === undefined ? {} : { comment }),
      ...(exclude === undefined ? {} : { exclude }),
    }),
  );
  const document = {
    ...snapshotJson(snapshot),
    duration_ms: Math.round(durationMs),
    problems: problemsJson(problems),
  };
  context.show(
    document,
    () =>
      `took ${printable(snapshot.name)}: ${plural(snapshot.files, "file")}, ${formatBytes(snapshot.logicalBytes)}, ` +
      `${formatBytes(snapshot.newBytes)} new on disk, in ${formatDuration(durationMs)}`,
  );
  return reportProblems(context, problems);
}
