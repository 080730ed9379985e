/**
 * How overlayfs marks removal and replacement in an upper directory mounted with `userxattr`, and how it escapes
 * attributes that a user gives the same names (kernel documentation, filesystems/overlayfs.rst).
 */
import type { Fd, Files, Stat } from "../platform/files.js";

const prefix = Buffer.from("user.overlay.");
const escapedPrefix = Buffer.from("user.overlay.overlay.");
export const opaqueAttribute = Buffer.from("user.overlay.opaque");

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
