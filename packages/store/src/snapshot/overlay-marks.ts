/**
 * How overlayfs marks removal and replacement in an upper directory mounted with `userxattr`, and how it escapes
 * attributes that a user gives the same names (kernel documentation, filesystems/overlayfs.rst).
 */
import type { Fd, Files, Name, Stat } from "../platform/files.js";
import type { SpecialEntry, TreeEntry, Xattr } from "../tree/entry.js";

const prefix = Buffer.from("user.overlay.");
const escapedPrefix = Buffer.from("user.overlay.overlay.");
export const opaqueAttribute = Buffer.from("user.overlay.opaque");

/**
 * What stands here at the top of an overlay disk is itself the upper directory of another overlay mount, over a file tree that the
 * store does not have. Marks below it are content: a tree keeps them, as a device 0:0 and as the attribute `opaque`.
 */
export const changesName = Buffer.from(".image-changes");

/** A removed name is a character device 0:0. A user cannot make one through the mount: the kernel refuses. */
export function isWhiteout(stat: Stat): boolean {
  return stat.type === "character" && stat.major === 0 && stat.minor === 0;
}

export function isOpaque(files: Files, directory: Fd): boolean {
  return files.xattr(directory, ".", opaqueAttribute)?.toString("latin1") === "y";
}

/** The name as the mount shows it, or null for what overlayfs keeps for itself. */
export function overlayAttributeToTree(attribute: Buffer): Buffer | null {
  if (!attribute.subarray(0, prefix.length).equals(prefix)) return attribute;
  if (!attribute.subarray(0, escapedPrefix.length).equals(escapedPrefix)) return null;
  return Buffer.concat([prefix, attribute.subarray(escapedPrefix.length)]);
}

/** The name under which an attribute must stand in a layer for the mount to show it. */
export function treeAttributeToOverlay(attribute: Buffer): Buffer {
  if (!attribute.subarray(0, prefix.length).equals(prefix)) return attribute;
  return Buffer.concat([escapedPrefix, attribute.subarray(prefix.length)]);
}

/** The same for changes: what overlayfs escaped stays so, because nothing but such a mount is to read it. */
export function changesAttributeToTree(attribute: Buffer): Buffer | null {
  return overlayAttributeToTree(attribute) === null ? null : attribute;
}

/** The name under which an attribute of changes must stand in a layer: a mark that only a stranger can have put into a tree means nothing. */
export function treeAttributeToChanges(attribute: Buffer): Buffer {
  const isMark = attribute.equals(opaqueAttribute) || overlayAttributeToTree(attribute) !== null;
  return isMark ? attribute : treeAttributeToOverlay(attribute);
}

/** A removal as changes keep it: only its name means anything, so the same changes are the same tree. */
export function removalEntry(name: Buffer, owner: { uid: number; gid: number }): SpecialEntry {
  const { uid, gid } = owner;
  const time = { mtimeSeconds: 0, mtimeNanoseconds: 0 };
  return {
    type: "character",
    name,
    mode: 0,
    uid,
    gid,
    ...time,
    xattrs: [],
    linkGroup: null,
    major: 0,
    minor: 0,
  };
}

const opaqueXattr: Xattr = { name: opaqueAttribute, value: Buffer.from("y") };

export function markOpaque(files: Files, directory: Fd, name: Name): void {
  files.setXattr(directory, name, opaqueXattr.name, opaqueXattr.value);
}

export function withOpaqueMark(xattrs: Xattr[]): Xattr[] {
  return [...xattrs, opaqueXattr].sort((a, b) => a.name.compare(b.name));
}

/** True for an entry that ends what merges under its name. */
export function endsMerging(entry: TreeEntry): boolean {
  return entry.type !== "directory" || entry.xattrs.some(({ name }) => name.equals(opaqueAttribute));
}
