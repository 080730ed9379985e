import type { Context } from "../../context.js";
import { formatBytes, formatDuration, plural } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";

export async function run(context: Context, options: StoreOptions & { dryRun?: boolean }): Promise<void> {
  const report = await withStore(context, options, (store, call) =>
    store.gc({ ...call, dryRun: options.dryRun === true }),
  );
  const document = {
    dry_run: report.dryRun,
    freed_bytes: report.freedBytes,
    deleted_packs: report.deletedPacks,
    rewritten_packs: report.rewrittenPacks,
    deleted_layers: report.deletedLayers,
    duration_ms: Math.round(report.durationMs),
  };
  context.show(
    document,
    () =>
      `${report.dryRun ? "would free" : "freed"} ${formatBytes(report.freedBytes)}: ` +
      `${plural(report.deletedPacks, "pack")} deleted, ${report.rewrittenPacks} rewritten, ` +
      `${plural(report.deletedLayers, "layer")} deleted, in ${formatDuration(report.durationMs)}`,
  );
}
