import { chmodSync, mkdirSync, writeFileSync } from "node:fs";

/** Makes a directory, with those above it, and gives it exactly this mode, whatever the process's umask. */
export function makeDirectory(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}

/** Writes a file that any user may read. */
export function writePublicFile(path: string, content: string): void {
  writeFileSync(path, content);
  chmodSync(path, 0o644);
}
