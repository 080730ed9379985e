import type { SnapshotInfo } from "@chaser/store";
import type { Context } from "../../context.js";
import { formatTable } from "../../output/table.js";
import { formatBytes, formatCount, formatTime } from "../../output/units.js";
import { snapshotJson } from "./describe.js";
import { withStore, type StoreOptions } from "./opened.js";

/** Enough of an id to name a snapshot by hand. */
const shortIdCharacters = 12;

export async function run(context: Context, options: StoreOptions): Promise<void> {
  const list = await withStore(context, options, (store) => store.snapshots());
  if (context.json) context.printJson(list.map(snapshotJson));
  else context.print(list.length === 0 ? "no snapshots yet" : table(list));
}

function table(list: SnapshotInfo[]): string {
  return formatTable(
    [
      { title: "NAME", value: (snapshot) => snapshot.name },
      { title: "CREATED", value: (snapshot) => formatTime(snapshot.createdAtMs) },
      { title: "FILES", align: "right", value: (snapshot) => formatCount(snapshot.files) },
      { title: "SIZE", align: "right", value: (snapshot) => formatBytes(snapshot.logicalBytes) },
      { title: "NEW ON DISK", align: "right", value: (snapshot) => formatBytes(snapshot.newBytes) },
      { title: "ID", value: (snapshot) => snapshot.id.slice(0, shortIdCharacters) },
      { title: "COMMENT", value: (snapshot) => snapshot.comment },
    ],
    list,
  );
}
