import type { BillingSummary } from "../../client/answers.js";
import type { Context } from "../../context.js";
import { formatProperties, formatTable } from "../../output/table.js";
import { formatBytes, formatCount, formatDuration, plural } from "../../output/units.js";

export async function run(context: Context): Promise<void> {
  const api = await context.api();
  context.show(await api.call<BillingSummary>("GET", "/v1/billing/summary"), describe);
}

function describe(summary: BillingSummary): string {
  const { storage, limits, usage } = summary;
  const overview = formatProperties([
    ["plan", summary.plan],
    ["workspaces", `${formatCount(summary.workspaces)} of ${formatCount(limits.workspaces)}`],
    ["sessions", `${formatCount(summary.sessions)} of ${formatCount(limits.sessions)}`],
    [
      "disk each",
      `at most ${formatBytes(limits.workspace_disk_bytes)} and ${formatCount(limits.workspace_disk_inodes)} files`,
    ],
    ["last 24 h", describeWindow(usage.last_24h)],
    ["last 30 d", describeWindow(usage.last_30d)],
  ]);
  const parts = [
    ...storage.by_workspace.map(({ id, name, bytes }) => ({ what: name ?? id, bytes })),
    { what: "(snapshots)", bytes: storage.snapshots_bytes },
    { what: "(shared by workspaces)", bytes: storage.shared_bytes },
    { what: "(awaiting collection)", bytes: storage.dead_bytes },
    { what: "(indexes and directories)", bytes: storage.overhead_bytes },
  ];
  const table = formatTable(
    [
      { title: "STORAGE", value: (part) => part.what },
      { title: "SIZE", align: "right", value: (part) => formatBytes(part.bytes) },
      { title: "BYTES", align: "right", value: (part) => formatCount(part.bytes) },
    ],
    [...parts, { what: `total (of ${formatBytes(storage.cap_bytes)})`, bytes: storage.used_bytes }],
  );
  return `${overview}\n${table}`;
}

function describeWindow(window: { session_seconds: number; execs: number }): string {
  return `${plural(window.execs, "command")}, sessions ran ${formatDuration(window.session_seconds * 1000)}`;
}
