import { posix } from "node:path";
import { RuntimeError } from "../errors.js";
import { PATH_BYTES_MAX } from "../limits.js";
import { SANDBOX_WORKSPACE } from "../sandbox/identity.js";

/** A path inside the sandbox as an absolute one, from `/workspace` on; so it never looks like an option. Code `invalid_argument`. */
export function sandboxPath(path: string): string {
  if (path === "" || path.includes("\0") || Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw new RuntimeError("invalid_argument", `path ${JSON.stringify(path.slice(0, 100))} is not usable`);
  return posix.resolve(SANDBOX_WORKSPACE, path);
}
