/** When entries of trees are the same, field by field: they are compared far more often than they differ. */
import { sameSums, type FileEntry, type TreeEntry, type Xattr } from "./entry.js";

export function sameEntry(a: TreeEntry, b: TreeEntry): boolean {
  const sameBelow =
    a.type !== "directory" || b.type !== "directory" || (a.id.equals(b.id) && sameSums(a.sums, b.sums));
  return sameBelow && sameEntryItself(a, b);
}

/** Like `sameEntry`, but a directory is taken without what is below it. */
export function sameEntryItself(a: TreeEntry, b: TreeEntry): boolean {
  return (
    a.mtimeNanoseconds === b.mtimeNanoseconds &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.name.equals(b.name) &&
    sameLinkGroup(a.linkGroup, b.linkGroup) &&
    sameState(a, b)
  );
}

/** Content and attributes: what a change time vouches for. A directory has no content of its own. */
export function sameState(a: TreeEntry, b: TreeEntry): boolean {
  if (a === b) return true;
  if (a.type !== b.type || !sameXattrs(a.xattrs, b.xattrs)) return false;
  if (a.type === "file" && b.type === "file") return sameContent(a, b);
  if (a.type === "symlink" && b.type === "symlink") return a.target.equals(b.target);
  return !("major" in a) || !("major" in b) || (a.major === b.major && a.minor === b.minor);
}

export function sameContent(a: FileEntry, b: FileEntry): boolean {
  if (a.sizeBytes !== b.sizeBytes) return false;
  if (a.content === null || b.content === null) return a.content === b.content;
  return a.content.depth === b.content.depth && a.content.id.equals(b.content.id);
}

function sameXattrs(a: Xattr[], b: Xattr[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, value }, n) => {
      const other = b[n] as Xattr;
      return name.equals(other.name) && value.equals(other.value);
    })
  );
}

function sameLinkGroup(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
