import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * Where a server keeps everything. For root below /var/lib, because the accounts' own users must be able to pass through
 * every directory above their files, which home directories do not allow.
 */
export function dataDirectory(given: string | undefined, env: NodeJS.ProcessEnv, isRoot: boolean): string {
  if (given !== undefined) return resolve(given);
  if (isRoot) return "/var/lib/chaser";
  return join(env["XDG_DATA_HOME"] || join(env["HOME"] || homedir(), ".local", "share"), "chaser");
}
