import type { FsckFinding, FsckReport, RepairReport } from "@chaser/store";
import type { Context } from "../../context.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";
import { formatDuration, plural } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";

export async function run(
  context: Context,
  options: StoreOptions & { readData?: boolean; repair?: boolean },
): Promise<number> {
  const report = await withStore(context, options, (store, call) =>
    store.fsck({ ...call, readData: options.readData === true, repair: options.repair === true }),
  );
  const document = {
    ok: report.ok,
    findings: report.findings,
    ...(report.repair === null ? {} : { repair: repairDocument(report.repair) }),
    checked_packs: report.checkedPacks,
    checked_chunks: report.checkedChunks,
    checked_snapshots: report.checkedSnapshots,
    duration_ms: Math.round(report.durationMs),
  };
  context.show(document, () => describe(report));
  return report.ok ? exitCode.ok : exitCode.failure;
}

function repairDocument(repair: RepairReport): object {
  return {
    index_rebuilt: repair.indexRebuilt,
    saved_chunks: repair.savedChunks,
    lost_chunks: repair.lostChunks,
    restored_refs: repair.restoredRefs,
    quarantined: repair.quarantined,
    remaining: repair.remaining,
  };
}

function describe(report: FsckReport): string {
  const checked =
    `checked ${plural(report.checkedSnapshots, "snapshot")}, ${plural(report.checkedPacks, "pack")}, ` +
    `${plural(report.checkedChunks, "chunk")} in ${formatDuration(report.durationMs)}`;
  const verdict =
    report.findings.length === 0 ? "no damage found" : `${plural(report.findings.length, "finding")}`;
  const repaired =
    report.repair === null || report.findings.length === 0 ? "" : describeRepair(report.repair);
  return `${describeFindings(report.findings)}${checked}: ${verdict}${repaired}`;
}

function describeFindings(findings: FsckFinding[]): string {
  const lines = findings.map(
    ({ code, object, message, snapshots }) =>
      `${printable(code)}  ${printable(object)}: ${printable(message)}\n` +
      (snapshots.length === 0 ? "" : `  touches ${snapshots.map(printable).join(", ")}\n`),
  );
  return lines.join("");
}

function describeRepair(repair: RepairReport): string {
  const { indexRebuilt, savedChunks, lostChunks, restoredRefs, quarantined, remaining } = repair;
  const done = [
    indexRebuilt ? "made the index from the packs" : "",
    savedChunks > 0 ? `moved ${plural(savedChunks, "chunk")} to new packs` : "",
    restoredRefs.length > 0 ? `led ${plural(restoredRefs.length, "name")} back to a snapshot` : "",
    ...quarantined.map((path) => `moved a file to ${printable(path)}`),
  ].filter((line) => line !== "");
  const lost =
    lostChunks === 0
      ? ""
      : `\n${plural(lostChunks, "chunk is", "chunks are")} lost; snapshots that need them become whole when one meets the same content`;
  const verdict =
    remaining.length === 0 ? "nothing remains" : `what remains:\n${describeFindings(remaining).trimEnd()}`;
  return `${done.map((line) => `\n${line}`).join("")}${lost}\n${verdict}`;
}
