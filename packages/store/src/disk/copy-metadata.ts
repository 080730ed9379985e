/** Gives a copy the owner, attributes, mode and time of what it is a copy of. */
import type { Fd, Files } from "../platform/files.js";

/** A name in a directory; null for the open directory itself. */
export interface Place {
  directory: Fd;
  name: Buffer | null;
}

/** The kernel gives labels of its own; capabilities are the only attribute of this class that belongs to the file. */
function isLabel(attribute: Buffer): boolean {
  const name = attribute.toString("latin1");
  return name.startsWith("security.") && name !== "security.capability";
}

/** Owner first, because changing it clears setuid and capabilities; then attributes, mode, and the time last. */
export function copyMetadata(files: Files, from: Place, to: Place): void {
  const stat = from.name === null ? files.statOpen(from.directory) : files.stat(from.directory, from.name);
  const present = to.name === null ? files.statOpen(to.directory) : files.stat(to.directory, to.name);
  if (stat.uid !== present.uid || stat.gid !== present.gid)
    files.setOwner(to.directory, to.name, stat.uid, stat.gid);
  const attributes =
    from.name === null ? files.xattrNamesOpen(from.directory) : files.xattrNames(from.directory, from.name);
  for (const attribute of attributes) {
    if (isLabel(attribute)) continue;
    const value = files.xattr(from.directory, from.name ?? ".", attribute);
    if (value !== null) files.setXattr(to.directory, to.name ?? ".", attribute, value);
  }
  if (stat.type !== "symlink") files.setMode(to.directory, to.name, stat.mode);
  files.setModified(to.directory, to.name, stat.mtimeSeconds, stat.mtimeNanoseconds);
}
