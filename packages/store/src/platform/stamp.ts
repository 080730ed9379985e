/** Tells whether a directory has got, lost or exchanged a name since, or a file was touched, by the times that the kernel keeps. */
import { anywhere, isErrno, type Files } from "./files.js";

/**
 * A change within one tick of the kernel's clock leaves the time as it was, so a time that is not a while ago proves nothing yet.
 * The kernel's ticks are at most 10 ms; filesystems that keep whole seconds (ext4 with inodes of 128 bytes) round down to them, or to two.
 */
const settledMs = 100;
const settledSecondsMs = 3000;

/** Null while a change might not show, and when there is nothing. No spaces in it. */
export function stampOf(files: Files, path: string): string | null {
  let stat;
  try {
    stat = files.stat(anywhere, path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
  const { inode, mtimeSeconds, mtimeNanoseconds, ctimeSeconds, ctimeNanoseconds } = stat;
  const latestMs = Math.max(
    mtimeSeconds * 1000 + mtimeNanoseconds / 1e6,
    ctimeSeconds * 1000 + ctimeNanoseconds / 1e6,
  );
  // The time of modification may be one that was set.
  const keepsSeconds = ctimeNanoseconds === 0;
  // Also null for a time to come: the clock was set back.
  if (Date.now() - latestMs < (keepsSeconds ? settledSecondsMs : settledMs)) return null;
  return `${inode}/${mtimeSeconds}.${mtimeNanoseconds}/${ctimeSeconds}.${ctimeNanoseconds}`;
}
