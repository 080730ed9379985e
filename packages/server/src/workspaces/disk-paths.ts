import { sandboxPath } from "@chaser/runtime";
import type { WorkspaceRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { initialDirectories } from "./disk-layout.js";

/** Where the tree of a disk has what was changed of an image. */
const changesDirectory = ".image-changes";

/** Of the session, whatever root it has. */
const notKept = new Set(["dev", "proc", "sys", "tmp"]);

/**
 * Where the tree of a workspace's disk has what callers name by its path in the sandbox: absolute, or from `/workspace` on. Code
 * `invalid_request` for what no workspace keeps.
 */
export function treePath(path: string, { image }: Pick<WorkspaceRow, "image">): string {
  const relative = sandboxPath(path).slice(1);
  const top = relative.split("/", 1)[0] ?? "";
  if (initialDirectories.some((directory) => directory.path === top)) return relative;
  if (relative === "") throw refused(path, "is all of it: leave paths out to restore that");
  if (image === null || notKept.has(top)) {
    const more = image === null ? "" : ", and what was changed of its image";
    throw refused(path, `is not kept: of a workspace that are /workspace and /home/chaser${more}`);
  }
  return `${changesDirectory}/${relative}`;
}

function refused(path: string, why: string): ServerError {
  return new ServerError("invalid_request", `paths: ${JSON.stringify(path)} ${why}`, {
    details: { path: "paths" },
  });
}

/** The opposite: how the sandbox shows what is at a path of the tree. Bytes that are not UTF-8 are replaced. */
export function shownPath(path: Uint8Array): string {
  const text = `/${Buffer.from(path).toString()}`;
  return text.startsWith(`/${changesDirectory}/`) ? text.slice(changesDirectory.length + 1) : text;
}
