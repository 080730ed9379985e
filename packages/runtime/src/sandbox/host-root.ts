/** What of the host's system a sandbox without an image shows: `/usr`, and the way into it that the host has. */
import { lstatSync, readlinkSync } from "node:fs";

const SYSTEM_DIRECTORIES = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

export type RootEntry =
  | { kind: "link"; path: string; target: string }
  /** Of the host's, read-only. */
  | { kind: "directory"; path: string }
  /** Of an image's root, as the keeper's namespace shows it; what is changed there is the session's own. */
  | { kind: "image"; path: string; source: string };

/** `/usr` first. On a merged system the rest are links into it, on an old one directories of their own. */
export function readHostRoot(): RootEntry[] {
  const entries: RootEntry[] = [{ kind: "directory", path: "/usr" }];
  for (const path of SYSTEM_DIRECTORIES) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() === true) entries.push({ kind: "link", path, target: readlinkSync(path) });
    else if (stat?.isDirectory() === true) entries.push({ kind: "directory", path });
  }
  return entries;
}
