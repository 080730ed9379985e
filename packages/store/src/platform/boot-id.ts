/** Which start of the system this is: what was not made durable in another may have been undone. */
import { anywhere, isErrno, type Files } from "./files.js";

const bootIdPath = "/proc/sys/kernel/random/boot_id";

/** Null where the kernel does not tell. */
export function bootIdOf(files: Files): string | null {
  try {
    const fd = files.open(anywhere, bootIdPath);
    try {
      const bytes = Buffer.alloc(64);
      return bytes.toString("latin1", 0, files.readSome(fd, bytes, 0)).trim() || null;
    } finally {
      files.close(fd);
    }
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "EACCES")) return null;
    throw error;
  }
}
