import { lstat, readdir, rename, stat } from "node:fs/promises";
import path from "node:path";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";

/**
 * Puts what arrived in its place, directories one into the other. What an earlier copy brought may be a link to anywhere, so a link in
 * the place of a file is replaced, and one in the place of a directory is refused.
 */
export async function putInPlace(from: string, to: string): Promise<void> {
  const comesAsDirectory = await isDirectory(from);
  if (comesAsDirectory && (await isDirectory(to))) {
    for (const name of await readdir(from)) await putInPlace(path.join(from, name), path.join(to, name));
    return;
  }
  try {
    await rename(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR" && comesAsDirectory) throw inTheWay(to, "no directory", "a directory");
    if (code === "EISDIR") throw inTheWay(to, "a directory", "none");
    throw error;
  }
}

function inTheWay(to: string, is: string, comes: string): CliError {
  return new CliError("target_exists", `${to} is ${is}, and what is copied there is ${comes}`, {
    exitCode: exitCode.conflict,
    suggestion: "move it out of the way, or copy to another place",
  });
}

export async function isDirectory(file: string, { follow = false } = {}): Promise<boolean> {
  try {
    return (await (follow ? stat : lstat)(file)).isDirectory();
  } catch {
    return false;
  }
}
