import type { PathChange } from "@chaser/store";
import type { Context } from "../../context.js";
import { printable } from "../../output/printable.js";
import { formatTable } from "../../output/table.js";
import { formatBytes, formatTime } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";
import { treePath } from "./paths.js";

export async function run(context: Context, options: StoreOptions, path: string): Promise<void> {
  const history = await withStore(context, options, (store, call) => store.log(treePath(path), call));
  const document = history.map(({ snapshot, kind, type, what, sizeBytes }) => ({
    snapshot: snapshot.name,
    snapshot_id: snapshot.id,
    created_at: new Date(snapshot.createdAtMs).toISOString(),
    kind,
    type,
    what,
    size_bytes: sizeBytes,
  }));
  context.show(document, () =>
    history.length === 0 ? `no snapshot has ${printable(path)}` : formatTable(columns, history),
  );
}

const columns = [
  { title: "SNAPSHOT", value: ({ snapshot }: PathChange) => snapshot.name },
  { title: "CREATED", value: ({ snapshot }: PathChange) => formatTime(snapshot.createdAtMs) },
  { title: "WHAT", value: ({ kind, what }: PathChange) => [kind, what.join(", ")].join(" ").trim() },
  { title: "TYPE", value: ({ type }: PathChange) => type },
  {
    title: "SIZE",
    align: "right" as const,
    value: ({ sizeBytes }: PathChange) => (sizeBytes === null ? "-" : formatBytes(sizeBytes)),
  },
];
