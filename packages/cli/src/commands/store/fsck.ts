import type { FsckReport } from "@chaser/store";
import type { Context } from "../../context.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";
import { formatDuration, plural } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";

export async function run(context: Context, options: StoreOptions & { readData?: boolean }): Promise<number> {
  const report = await withStore(context, options, (store, call) =>
    store.fsck({ ...call, readData: options.readData === true }),
  );
  const document = {
    ok: report.ok,
    findings: report.findings,
    checked_packs: report.checkedPacks,
    checked_chunks: report.checkedChunks,
    checked_snapshots: report.checkedSnapshots,
    duration_ms: Math.round(report.durationMs),
  };
  context.show(document, () => describe(report));
  return report.ok ? exitCode.ok : exitCode.failure;
}

function describe(report: FsckReport): string {
  const lines = report.findings.map(
    ({ code, object, message, snapshots }) =>
      `${printable(code)}  ${printable(object)}: ${printable(message)}\n` +
      (snapshots.length === 0 ? "" : `  touches ${snapshots.map(printable).join(", ")}\n`),
  );
  const checked =
    `checked ${plural(report.checkedSnapshots, "snapshot")}, ${plural(report.checkedPacks, "pack")}, ` +
    `${plural(report.checkedChunks, "chunk")} in ${formatDuration(report.durationMs)}`;
  const verdict = report.ok ? "no damage found" : `${plural(report.findings.length, "finding")}`;
  return `${lines.join("")}${checked}: ${verdict}`;
}
