import { chownSync } from "node:fs";
import { linuxFiles } from "@chaser/store/files";
import { makeDirectory } from "../platform/directory.js";
import type { HostUser } from "../sandbox/spec.js";

/** A directory that the unpacking process may write in. */
export function makeOwnedDirectory(path: string, mode: number, owner: HostUser | null): void {
  makeDirectory(path, mode);
  if (owner !== null) chownSync(path, owner.uid, owner.gid);
}

/** Makes everything durable on the filesystem of a directory. */
export function syncFilesystem(directory: string): void {
  const fd = linuxFiles.open(-100, directory, { directory: true });
  try {
    linuxFiles.syncFilesystem(fd);
  } finally {
    linuxFiles.close(fd);
  }
}
