/**
 * The root directory of a mounted disk has the metadata of its upper's root, so a fresh upper starts as a copy of the root
 * it replaces.
 */
import { anywhere, isErrno, type Fd, type Files } from "../platform/files.js";
import { withDirectory } from "../platform/durable.js";
import { overlayAttributeToTree } from "../snapshot/overlay-marks.js";

/** The kernel's own labels are given by the kernel, and overlayfs keeps its marks itself. */
function isOurs(attribute: Buffer): boolean {
  return (
    overlayAttributeToTree(attribute) !== null && !attribute.subarray(0, 9).equals(Buffer.from("security."))
  );
}

function attributesOf(files: Files, directory: Fd): Map<string, Buffer> {
  const attributes = new Map<string, Buffer>();
  for (const name of files.xattrNamesOpen(directory).filter(isOurs)) {
    const value = files.xattr(directory, ".", name);
    if (value !== null) attributes.set(name.toString("latin1"), value);
  }
  return attributes;
}

export function copyRootMetadata(files: Files, from: string, to: string): void {
  withDirectory(files, from, (source) =>
    withDirectory(files, to, (target) => copyDirectoryMetadata(files, source, target)),
  );
}

/** Owner first, because changing it may clear mode bits; the time last. What overlayfs marked stays as it is. */
export function copyDirectoryMetadata(files: Files, from: Fd, to: Fd): void {
  const stat = files.statOpen(from);
  const present = files.statOpen(to);
  if (stat.uid !== present.uid || stat.gid !== present.gid) files.setOwner(to, null, stat.uid, stat.gid);
  for (const [name, value] of attributesOf(files, from)) {
    try {
      files.setXattr(to, ".", Buffer.from(name, "latin1"), value);
    } catch (error) {
      // Only root may set `trusted.` attributes, and only root can have made them.
      if (!isErrno(error, "EPERM", "ENOTSUP", "EOPNOTSUPP")) throw error;
    }
  }
  files.setMode(to, null, stat.mode);
  files.setModified(to, null, stat.mtimeSeconds, stat.mtimeNanoseconds);
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
  const [ours, theirs] = [a, b].map((path) =>
    withDirectory(files, path, (directory) => attributesOf(files, directory)),
  ) as [Map<string, Buffer>, Map<string, Buffer>];
  if (ours.size !== theirs.size) return false;
  return [...ours].every(([name, value]) => theirs.get(name)?.equals(value) === true);
}
