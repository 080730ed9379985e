/**
 * A generation of a disk: the directory `u<N>` with `files`, what processes write, and `work`, what overlayfs needs beside
 * it. The two stand in a directory of the store's own, because a directory may only be moved by one who may write in it,
 * and the mode of `files` is the user's to choose.
 */
import { anywhere, type Files } from "../platform/files.js";
import { syncDirectory } from "../platform/durable.js";
import { copyRootMetadata } from "./root-metadata.js";

export const filesName = "files";
export const workName = "work";

const rootMode = 0o755;

/** Makes a fresh generation. `like`: the directory whose mode, owner, time and attributes its root gets. Not durable. */
export function makeGeneration(files: Files, path: string, like: string | null): void {
  const root = `${path}/${filesName}`;
  files.makeDirectory(anywhere, path, 0o700);
  files.makeDirectory(anywhere, `${path}/${workName}`, 0o700);
  files.makeDirectory(anywhere, root, 0o700);
  if (like === null) files.setMode(anywhere, root, rootMode);
  else copyRootMetadata(files, like, root);
}

/** Makes a fresh generation durable where syncing the whole filesystem would also write what others are doing. */
export function syncGeneration(files: Files, path: string): void {
  for (const directory of [`${path}/${filesName}`, `${path}/${workName}`, path])
    syncDirectory(files, directory);
}
