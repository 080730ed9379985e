import type { SnapshotUsage, StoreUsage } from "@chaser/store";
import type { Context } from "../../context.js";
import { exitCode } from "../../exit.js";
import { formatProperties, formatTable } from "../../output/table.js";
import { formatBytes, formatCount } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";

export async function run(context: Context, options: StoreOptions & { audit?: boolean }): Promise<number> {
  const { usage, snapshots, physical } = await withStore(context, options, async (store, call) => ({
    snapshots: await store.snapshotUsage(call),
    // Walks as an audit does.
    physical: options.audit === true ? await store.physicalUsage(call) : null,
    // Last: what the store keeps of its answers takes space as well.
    usage: await store.usage({ ...call, audit: options.audit ?? false }),
  }));
  const document = {
    on_disk_bytes: usage.onDiskBytes,
    chunk_bytes: usage.chunkBytes,
    dead_bytes: usage.deadBytes,
    layer_bytes: usage.layerBytes,
    disk_bytes: usage.diskBytes,
    overhead_bytes: usage.overheadBytes,
    logical_bytes: usage.logicalBytes,
    snapshots: usage.snapshots,
    by_snapshot: snapshots.map(({ snapshot, referencedBytes, exclusiveBytes, sharedBytes }) => ({
      id: snapshot.id,
      name: snapshot.name,
      logical_bytes: snapshot.logicalBytes,
      referenced_bytes: referencedBytes,
      exclusive_bytes: exclusiveBytes,
      shared_bytes: sharedBytes,
    })),
    ...(usage.audit === null
      ? {}
      : { differences: usage.audit.differences, physical_bytes: physical?.totalBytes ?? null }),
  };
  context.show(document, () => `${describe(usage)}${bySnapshot(snapshots)}${auditLine(usage)}`);
  return (usage.audit?.differences.length ?? 0) > 0 ? exitCode.failure : exitCode.ok;
}

function bySnapshot(snapshots: SnapshotUsage[]): string {
  if (snapshots.length === 0) return "";
  const table = formatTable(
    [
      { title: "SNAPSHOT", value: ({ snapshot }) => snapshot.name },
      { title: "SIZE", align: "right", value: ({ snapshot }) => formatBytes(snapshot.logicalBytes) },
      { title: "REACHED", align: "right", value: ({ referencedBytes }) => formatBytes(referencedBytes) },
      { title: "SHARED", align: "right", value: ({ sharedBytes }) => formatBytes(sharedBytes) },
      { title: "ONLY ITS OWN", align: "right", value: ({ exclusiveBytes }) => formatBytes(exclusiveBytes) },
    ],
    snapshots,
  );
  return `\n${table}`;
}

function auditLine({ audit }: StoreUsage): string {
  if (audit === null) return "";
  if (audit.differences.length === 0) return "\naudit: counted anew, nothing differs";
  return `\n${audit.differences.map((difference) => `audit: ${difference}`).join("\n")}`;
}

function describe(usage: StoreUsage): string {
  const overview = formatProperties([
    ["snapshots", formatCount(usage.snapshots)],
    ["size of their files", formatBytes(usage.logicalBytes)],
    ["on disk", formatBytes(usage.onDiskBytes)],
  ]);
  const parts: [string, number][] = [
    ["content", usage.chunkBytes],
    ["awaiting collection", usage.deadBytes],
    ["layers under disks", usage.layerBytes],
    ["disks", usage.diskBytes],
    ["indexes and directories", usage.overheadBytes],
    ["total", usage.onDiskBytes],
  ];
  const table = formatTable(
    [
      { title: "ON DISK", value: ([what]) => what },
      { title: "SIZE", align: "right", value: ([, bytes]) => formatBytes(bytes) },
      { title: "BYTES", align: "right", value: ([, bytes]) => formatCount(bytes) },
    ],
    parts,
  );
  return `${overview}\n${table}`;
}
