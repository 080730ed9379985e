/** Puts some paths of one tree into another: what restoring only these paths has to give. */
import type { ObjectWriter } from "../pack/chunks.js";
import { writeDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry, TreeEntry } from "../tree/entry.js";
import { StoreError } from "../errors.js";
import { namePairs } from "../tree/diff.js";

/** The names on the way to the wanted paths; "all" stands for a wanted path itself, with what is below it. */
type Wanted = Map<string, Wanted | "all">;

/** Code `invalid_argument` for a path that is absolute or has empty, `.` or `..` components. */
function wantedNames(paths: Uint8Array[]): Wanted | "all" {
  const root: Wanted = new Map();
  for (const path of paths) {
    const text = Buffer.from(path).toString("latin1");
    if (text === "") return "all";
    const names = text.split("/");
    if (names.some((name) => ["", ".", ".."].includes(name) || name.includes("\0"))) {
      throw new StoreError("invalid_argument", `path ${JSON.stringify(text)} is not a path inside a tree`, {
        data: { field: "paths" },
      });
    }
    let node = root;
    for (const [n, name] of names.entries()) {
      const child = node.get(name);
      if (child === "all") break;
      if (n === names.length - 1) node.set(name, "all");
      else {
        const next: Wanted = child ?? new Map<string, Wanted | "all">();
        node.set(name, next);
        node = next;
      }
    }
  }
  return root;
}

/** `present` with the paths as they are in `snapshot`: replaced, added, or removed where the snapshot lacks them. */
export function graft(
  writer: ObjectWriter,
  present: DirectoryTreeEntry,
  snapshot: DirectoryTreeEntry,
  paths: Uint8Array[],
): DirectoryTreeEntry {
  const wanted = wantedNames(paths);
  return wanted === "all" ? snapshot : graftDirectory(writer, present, snapshot, wanted);
}

function graftDirectory(
  writer: ObjectWriter,
  present: DirectoryTreeEntry,
  snapshot: DirectoryTreeEntry | null,
  wanted: Wanted,
): DirectoryTreeEntry {
  const entries: TreeEntry[] = [];
  for (const { name, before, after } of namePairs(writer, present, snapshot)) {
    const below = wanted.get(name.toString("latin1"));
    const entry =
      below === undefined ? before : below === "all" ? after : graftBelow(writer, before, after, below);
    if (entry !== null) entries.push(entry);
  }
  return { ...present, ...writeDirectory(writer, entries) };
}

function graftBelow(
  writer: ObjectWriter,
  before: TreeEntry | null,
  after: TreeEntry | null,
  wanted: Wanted,
): TreeEntry | null {
  if (before?.type === "directory") {
    return graftDirectory(writer, before, after?.type === "directory" ? after : null, wanted);
  }
  if (after?.type !== "directory") return before;
  // The way to a wanted path is made as the snapshot has it, with nothing else in it.
  const empty = { ...after, ...writeDirectory(writer, []) };
  const made = graftDirectory(writer, empty, after, wanted);
  return before !== null && made.id.equals(empty.id) ? before : made;
}
