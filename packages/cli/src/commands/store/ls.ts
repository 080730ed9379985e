import type { ListedEntry } from "@chaser/store";
import type { Context } from "../../context.js";
import { jsonPath, printablePath } from "../../output/printable.js";
import { formatTable } from "../../output/table.js";
import { formatBytes, formatTime } from "../../output/units.js";
import { withStore, type StoreOptions } from "./opened.js";
import { treePath } from "./paths.js";

export async function run(context: Context, options: StoreOptions, name: string, path = ""): Promise<void> {
  const { entry, entries } = await withStore(context, options, (store) => store.list(name, treePath(path)));
  const document = {
    ...entryJson(entry),
    ...(entries === null ? {} : { entries: entries.map(entryJson) }),
  };
  context.show(document, () => formatTable(columns, entries ?? [entry]));
}

function entryJson(entry: ListedEntry): object {
  const { path, path_base64 } = jsonPath(entry.name);
  return {
    name: path,
    ...(path_base64 === undefined ? {} : { name_base64: path_base64 }),
    type: entry.type,
    mode: modeText(entry.mode),
    uid: entry.uid,
    gid: entry.gid,
    modified_at: modifiedAt(entry),
    size_bytes: entry.sizeBytes,
    ...(entry.target === null ? {} : targetJson(entry.target)),
  };
}

function targetJson(target: Uint8Array): object {
  const { path, path_base64 } = jsonPath(target);
  return { target: path, ...(path_base64 === undefined ? {} : { target_base64: path_base64 }) };
}

/** A filesystem takes times that no calendar has a name for. */
function modifiedAt({ mtimeSeconds }: ListedEntry): string | null {
  const date = new Date(mtimeSeconds * 1000);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function modeText(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

const suffixes: Partial<Record<ListedEntry["type"], string>> = { directory: "/", fifo: "|", socket: "=" };

// A table makes its cells safe itself, and escapes what the path's own escapes left.
const columns = [
  { title: "MODE", value: (entry: ListedEntry) => modeText(entry.mode) },
  { title: "OWNER", value: ({ uid, gid }: ListedEntry) => `${uid}:${gid}` },
  {
    title: "SIZE",
    align: "right" as const,
    value: ({ type, sizeBytes }: ListedEntry) => (type === "file" ? formatBytes(sizeBytes) : "-"),
  },
  { title: "MODIFIED", value: (entry: ListedEntry) => formatTime(modifiedAt(entry)) },
  {
    title: "NAME",
    value: ({ name, type, target }: ListedEntry) =>
      (name.length === 0 ? "." : printablePath(name)) +
      (suffixes[type] ?? "") +
      (target === null ? "" : ` -> ${printablePath(target)}`),
  },
];
