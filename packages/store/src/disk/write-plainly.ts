/** A small new file that becomes durable with something else, or need not be. */
import type { Fd, Files } from "../platform/files.js";

/** The name must be free. */
export function writePlainly(files: Files, directory: Fd, name: string, content: Uint8Array): void {
  const fd = files.open(directory, name, { access: "create" });
  try {
    files.write(fd, content, 0);
  } finally {
    files.close(fd);
  }
}
