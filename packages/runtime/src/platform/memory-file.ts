import { closeSync, fstatSync, readSync, writeSync } from "node:fs";
import { createMemoryFile } from "./libc.js";

/** A file in memory whose content a child reads from its start. The caller closes it. */
export function memoryFileOf(name: string, content: Buffer): number {
  const fd = createMemoryFile(name);
  try {
    // Positioned, so that the offset that the child shares stays at the start.
    for (let done = 0; done < content.length;)
      done += writeSync(fd, content, done, content.length - done, done);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export function readWhole(fd: number): string {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  const length = bytes.length === 0 ? 0 : readSync(fd, bytes, 0, bytes.length, 0);
  return bytes.toString("utf8", 0, length);
}
