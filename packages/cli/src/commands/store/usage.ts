import type { StoreUsage } from "@chaser/store";
import type { Context } from "../../context.js";
import { formatProperties, formatTable } from "../../output/table.js";
import { formatBytes, formatCount } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";

export async function run(context: Context, options: StoreOptions): Promise<void> {
  const usage = await withStore(context, options, (store, call) => store.usage(call));
  const document = {
    on_disk_bytes: usage.onDiskBytes,
    chunk_bytes: usage.chunkBytes,
    dead_bytes: usage.deadBytes,
    layer_bytes: usage.layerBytes,
    disk_bytes: usage.diskBytes,
    overhead_bytes: usage.overheadBytes,
    logical_bytes: usage.logicalBytes,
    snapshots: usage.snapshots,
  };
  context.show(document, () => describe(usage));
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
