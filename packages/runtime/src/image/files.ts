import { createHash } from "node:crypto";
import { chownSync, readFileSync, statSync } from "node:fs";
import { linuxFiles } from "@chaser/store/files";
import { makeDirectory } from "../platform/directory.js";
import type { HostUser } from "../sandbox/spec.js";
import { CONFIG_BYTES_MAX } from "./limits.js";
import { unsupported } from "./refuse.js";

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

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A configuration that was fetched, if it is what the manifest says. Code `image_unsupported`. */
export function readConfig(
  path: string,
  { digest, sizeBytes }: { digest: string; sizeBytes: number },
): Buffer {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.size !== sizeBytes || sizeBytes > CONFIG_BYTES_MAX) {
    throw unsupported("the image's configuration is missing, or longer than can be");
  }
  const bytes = readFileSync(path);
  if (digestOf(bytes) === digest) return bytes;
  throw unsupported("the image's configuration is not what its digest says");
}
