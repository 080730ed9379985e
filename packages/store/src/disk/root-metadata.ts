/**
 * The root directory of a mounted disk has the metadata of its upper's root, so a fresh upper starts as a copy of the root
 * it replaces.
 */
import { anywhere, isErrno, type Files } from "../platform/files.js";
import { withDirectory } from "../platform/durable.js";
import { overlayAttributeToTree } from "../snapshot/overlay-marks.js";

/** The kernel's own labels are given by the kernel, and overlayfs keeps its marks itself. */
function isOurs(attribute: Buffer): boolean {
  return (
    overlayAttributeToTree(attribute) !== null && !attribute.subarray(0, 9).equals(Buffer.from("security."))
  );
}

function attributesOf(files: Files, path: string): Map<string, Buffer> {
  return withDirectory(files, path, (directory) => {
    const attributes = new Map<string, Buffer>();
    for (const name of files.xattrNamesOpen(directory).filter(isOurs)) {
      const value = files.xattr(directory, ".", name);
      if (value !== null) attributes.set(name.toString("latin1"), value);
    }
    return attributes;
  });
}

/** Owner first, because changing it may clear mode bits; the time last. */
export function copyRootMetadata(files: Files, from: string, to: string): void {
  const stat = files.stat(anywhere, from);
  const present = files.stat(anywhere, to);
  if (stat.uid !== present.uid || stat.gid !== present.gid) files.setOwner(anywhere, to, stat.uid, stat.gid);
  for (const [name, value] of attributesOf(files, from)) {
    const attribute = Buffer.from(name, "latin1");
    try {
      withDirectory(files, to, (directory) => files.setXattr(directory, ".", attribute, value));
    } catch (error) {
      // Only root may set `trusted.` attributes, and only root can have made them.
      if (!isErrno(error, "EPERM", "ENOTSUP", "EOPNOTSUPP")) throw error;
    }
  }
  files.setMode(anywhere, to, stat.mode);
  files.setModified(anywhere, to, stat.mtimeSeconds, stat.mtimeNanoseconds);
}

export function sameRootMetadata(files: Files, a: string, b: string): boolean {
  const one = files.stat(anywhere, a);
  const other = files.stat(anywhere, b);
  if (
    one.mode !== other.mode ||
    one.uid !== other.uid ||
    one.gid !== other.gid ||
    one.mtimeSeconds !== other.mtimeSeconds ||
    one.mtimeNanoseconds !== other.mtimeNanoseconds
  ) {
    return false;
  }
  const ours = attributesOf(files, a);
  const theirs = attributesOf(files, b);
  if (ours.size !== theirs.size) return false;
  return [...ours].every(([name, value]) => theirs.get(name)?.equals(value) === true);
}
