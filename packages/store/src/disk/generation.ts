/**
 * A generation of a disk: the directory `u<N>` with `files`, what processes write, and `work`, what overlayfs needs beside
 * it. The two stand in a directory of the store's own, because a directory may only be moved by one who may write in it,
 * and the mode of `files` is the user's to choose.
 */
import { basename, dirname } from "node:path";
import { anywhere, type Files } from "../platform/files.js";
import { syncDirectory, withDirectory } from "../platform/durable.js";
import { removeTree } from "../snapshot/remove.js";
import { copyRootMetadata } from "./root-metadata.js";

export const filesName = "files";
export const workName = "work";

const rootMode = 0o755;

/** Makes a fresh generation. `like`: the directory whose mode, owner, time and attributes its root gets. Not durable. */
export function makeGeneration(files: Files, path: string, like: string | null): void {
  makeFrame(files, path);
  const root = `${path}/${filesName}`;
  files.makeDirectory(anywhere, root, 0o700);
  if (like === null) files.setMode(anywhere, root, rootMode);
  else copyRootMetadata(files, like, root);
}

/** For a disk that is one plain directory. On btrfs it is a subvolume, so that it can be copied at once. Not durable. */
export function makePlainGeneration(files: Files, path: string): void {
  makeFrame(files, path);
  const isSubvolume = withDirectory(files, path, (directory) => files.makeSubvolume(directory, filesName));
  const root = `${path}/${filesName}`;
  if (!isSubvolume) files.makeDirectory(anywhere, root, 0o700);
  files.setMode(anywhere, root, rootMode);
}

/** Makes a generation with the files of the plain directory `from`, if it is a subvolume. Else false, and nothing is made. */
export function copySubvolumeGeneration(files: Files, path: string, from: string): boolean {
  makeFrame(files, path);
  const copied = withDirectory(files, path, (directory) =>
    withDirectory(files, from, (source) => files.copySubvolume(source, directory, filesName)),
  );
  if (!copied) withDirectory(files, dirname(path), (parent) => removeTree(files, parent, basename(path)));
  return copied;
}

function makeFrame(files: Files, path: string): void {
  files.makeDirectory(anywhere, path, 0o700);
  files.makeDirectory(anywhere, `${path}/${workName}`, 0o700);
}

/** Makes a fresh generation durable where syncing the whole filesystem would also write what others are doing. */
export function syncGeneration(files: Files, path: string): void {
  for (const directory of [`${path}/${filesName}`, `${path}/${workName}`, path])
    syncDirectory(files, directory);
}
