/** A small new file that becomes durable with something else, or need not be. */
import { removeIfPresent } from "../platform/durable.js";
import { isErrno, type Fd, type Files } from "../platform/files.js";

/** The name must be free. */
export function writePlainly(files: Files, directory: Fd, name: string, content: Uint8Array): void {
  const fd = files.open(directory, name, { access: "create" });
  try {
    files.write(fd, content, 0);
  } finally {
    files.close(fd);
  }
}

/** In the place of what has the name. A crash may leave neither. */
export function writeAnew(files: Files, directory: Fd, name: string, content: Uint8Array): void {
  try {
    writePlainly(files, directory, name, content);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    removeIfPresent(files, directory, name);
    writePlainly(files, directory, name, content);
  }
}
