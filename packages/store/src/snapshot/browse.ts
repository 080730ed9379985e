/** Looks into snapshots without restoring them: listings, file content, and what became of a path. */
import type { ChangedPart, ListedEntry, PathChange, SnapshotInfo, TreeChange, TreeListing } from "../api.js";
import { StoreError } from "../errors.js";
import type { ObjectSource } from "../pack/chunks.js";
import { readContentRange } from "../tree/content.js";
import { differences, type Difference } from "../tree/diff.js";
import { readDirectory, readRoot } from "../tree/directory.js";
import type { DirectoryTreeEntry, TreeEntry } from "../tree/entry.js";
import { componentsOf, entryAt, lookUp, quoted } from "../tree/path.js";
import { sameContent, sameEntry, sameEntryItself } from "../tree/same.js";
import { treeDigest } from "./record.js";
import type { Work } from "./work.js";

/** What stands at a path, with what is in it when it is a directory. */
export function listPath(source: ObjectSource, root: DirectoryTreeEntry, path: Uint8Array): TreeListing {
  const entry = lookUp(source, root, path);
  const entries = entry.type === "directory" ? readDirectory(source, entry.id).map(listed) : null;
  return { entry: listed(entry), entries };
}

function listed(entry: TreeEntry): ListedEntry {
  const { name, type, mode, uid, gid, mtimeSeconds, mtimeNanoseconds } = entry;
  return {
    name,
    type,
    mode,
    uid,
    gid,
    mtimeSeconds,
    mtimeNanoseconds,
    sizeBytes: sizeOf(entry) ?? 0,
    target: entry.type === "symlink" ? entry.target : null,
  };
}

/** Pieces of at most one chunk; a hole gives zeros, in pieces of at most this. */
const holePieceBytesMax = 256 * 1024;

/** The bytes of a file from `offset` on, at most `length`, in bounded pieces. Code `invalid_argument` for what is no file. */
export function* readPath(
  source: ObjectSource,
  root: DirectoryTreeEntry,
  path: Uint8Array,
  { offset, length }: { offset: number; length: number },
): Generator<Buffer> {
  const entry = lookUp(source, root, path);
  if (entry.type !== "file") {
    throw new StoreError("invalid_argument", `${quoted(path)} is a ${entry.type}, not a file`, {
      data: { field: "path" },
    });
  }
  const to = Math.min(entry.sizeBytes, offset + length);
  for (const { at, segment } of readContentRange(source, entry, offset, to)) {
    const from = Math.max(offset, at);
    const end = Math.min(to, at + segment.length);
    if (segment.kind === "chunk") {
      const bytes = source.get(segment.id);
      if (bytes.length !== segment.length)
        throw new StoreError("corrupt", "chunk has another length than its list says");
      yield bytes.subarray(from - at, end - at);
    } else {
      for (let done = from; done < end; done += holePieceBytesMax) {
        yield Buffer.alloc(Math.min(holePieceBytesMax, end - done));
      }
    }
  }
}

/** The differences between two trees, the root first. What is below an added or removed directory is told of, too. */
export function* treeChanges(
  source: ObjectSource,
  before: DirectoryTreeEntry,
  after: DirectoryTreeEntry,
  work: Work,
): Generator<TreeChange> {
  if (!sameEntryItself(before, after)) yield change({ path: Buffer.alloc(0), before, after });
  const options = { expand: true, onStep: () => work.step() };
  for (const difference of differences(source, before, after, options)) yield change(difference);
}

function change({ path, before, after }: Difference): TreeChange {
  const type = (after ?? before)?.type as TreeEntry["type"];
  return {
    path,
    kind: before === null ? "added" : after === null ? "removed" : "changed",
    type,
    what: before === null || after === null ? [] : changedParts(before, after),
    beforeBytes: sizeOf(before),
    afterBytes: sizeOf(after),
  };
}

/** The size of a regular file; null for everything else. */
function sizeOf(entry: TreeEntry | null): number | null {
  return entry?.type === "file" ? entry.sizeBytes : null;
}

/** In what two entries of one name differ. Of directories, without what is below them. */
function changedParts(a: TreeEntry, b: TreeEntry): ChangedPart[] {
  const xattrs = (entry: TreeEntry): string =>
    entry.xattrs.map(({ name, value }) => `${name.toString("hex")}=${value.toString("hex")}`).join();
  const parts: [ChangedPart, boolean][] = [
    ["type", a.type !== b.type],
    ["content", a.type === "file" && b.type === "file" && !sameContent(a, b)],
    ["target", a.type === "symlink" && b.type === "symlink" && !a.target.equals(b.target)],
    ["device", "major" in a && "major" in b && (a.major !== b.major || a.minor !== b.minor)],
    ["mode", a.mode !== b.mode],
    ["owner", a.uid !== b.uid || a.gid !== b.gid],
    ["mtime", a.mtimeSeconds !== b.mtimeSeconds || a.mtimeNanoseconds !== b.mtimeNanoseconds],
    ["xattrs", xattrs(a) !== xattrs(b)],
    ["links", a.linkGroup?.toString("hex") !== b.linkGroup?.toString("hex")],
  ];
  return parts.filter(([, differs]) => differs).map(([part]) => part);
}

/**
 * The snapshots, given oldest first, in which what stands at a path is another than in the one before. A directory counts as
 * changed, in its content, when something below it is another.
 */
export function pathHistory(
  source: ObjectSource,
  snapshots: SnapshotInfo[],
  path: Uint8Array,
  work: Work,
): PathChange[] {
  const components = componentsOf(path);
  const history: PathChange[] = [];
  let tree: string | null = null;
  let before: TreeEntry | null = null;
  for (const snapshot of snapshots) {
    work.step();
    if (snapshot.tree === tree) continue;
    tree = snapshot.tree;
    const after = entryAt(source, readRoot(source, treeDigest(snapshot.tree)), components);
    if (before === null ? after !== null : after === null || !sameEntry(before, after)) {
      const { kind, type, what, afterBytes } = change({ path: Buffer.from(path), before, after });
      const below =
        before?.type === "directory" && after?.type === "directory" && !before.id.equals(after.id);
      history.push({
        snapshot,
        kind,
        type,
        what: below ? ["content", ...what] : what,
        sizeBytes: afterBytes,
      });
    }
    before = after;
  }
  return history;
}
