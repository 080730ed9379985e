import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** The first version number that a program prints, or null when it is not installed. */
export async function programVersion(command: string, args: string[]): Promise<string | null> {
  try {
    const { stdout } = await execute(command, args);
    return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? null;
  } catch {
    return null;
  }
}
