import { posix } from "node:path";
import type { ExecSpec } from "../api.js";
import { RuntimeError } from "../errors.js";
import { PATH_BYTES_MAX } from "../limits.js";
import { SANDBOX_HOME, SANDBOX_WORKSPACE } from "../sandbox/identity.js";

/** A path inside the sandbox as an absolute one, from `/workspace` on; so it never looks like an option. Code `invalid_argument`. */
export function sandboxPath(path: string): string {
  if (path === "" || path.includes("\0") || Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw new RuntimeError("invalid_argument", `path ${JSON.stringify(path.slice(0, 100))} is not usable`);
  return posix.resolve(SANDBOX_WORKSPACE, path);
}

/** What is the same under any root: there the host's programs do, whatever an image has. */
export const UNDER_ANY_ROOT = [SANDBOX_WORKSPACE, SANDBOX_HOME, "/tmp"];

export function programsFor(absolute: string): Pick<ExecSpec, "root"> {
  const isThere = UNDER_ANY_ROOT.some((top) => absolute === top || absolute.startsWith(`${top}/`));
  return isThere ? { root: "host" } : {};
}
