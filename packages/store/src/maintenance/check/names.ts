/** Checks that the directories of a store are there, and hold nothing whose name means nothing. */
import { isContentId } from "../../ids.js";
import { directoriesOf } from "../../layout.js";
import { checkDiskId } from "../../disk/description.js";
import { isLayerId } from "../../disk/layer-id.js";
import { StoreError } from "../../errors.js";
import { namesIn } from "../../platform/durable.js";
import { anywhere, isErrno } from "../../platform/files.js";
import type { Repository } from "../../snapshot/repository.js";
import type { Findings } from "./findings.js";
import { isRefFile } from "./snapshots.js";

/** Returns the paths that are missing and those that mean nothing, relative to the store. */
export function checkNames(
  repository: Repository,
  findings: Findings,
): { missing: string[]; strays: string[] } {
  const { files, layout, refs } = repository;
  const missing = directoriesOf(layout)
    .filter((path) => !isDirectory(repository, path))
    .map((path) => path.slice(layout.root.length + 1));
  for (const path of missing) findings.add("directory_missing", path, "is no directory");
  const rules: [string, (name: string) => boolean][] = [
    ["packs", (name) => /^[0-9a-f]{64}\.pack$/.test(name)],
    ["index", (name) => /^[0-9a-f]{32}\.idx$/.test(name)],
    ["snapshots", isContentId],
    ["layers", (name) => isLayerId(name) || name === "empty"],
    ["disks", isDiskId],
    ["refs/disks", isDiskId],
    ["refs/snapshots", isRefFile],
    ...refs
      .scopes()
      .flatMap((scope): [string, (name: string) => boolean][] =>
        scope === null || !isDirectory(repository, `${layout.refs}/disks/${scope}`)
          ? []
          : [[`refs/disks/${scope}`, isRefFile]],
      ),
  ];
  const strays = rules.flatMap(([directory, means]) =>
    missing.includes(directory)
      ? []
      : namesIn(files, `${layout.root}/${directory}`)
          .filter((name) => !means(name))
          .map((name) => `${directory}/${name}`),
  );
  for (const path of strays) findings.add("stray_file", path, "its name means nothing here");
  return { missing, strays };
}

function isDirectory({ files }: Repository, path: string): boolean {
  try {
    return files.stat(anywhere, path).type === "directory";
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

function isDiskId(name: string): boolean {
  try {
    checkDiskId(name);
    return true;
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw error;
  }
}
