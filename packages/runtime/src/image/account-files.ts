/** `/etc/passwd` and `/etc/group` of an image with the sandbox's user in them. Pure. */
import { SANDBOX_GID, SANDBOX_HOME, SANDBOX_UID, SANDBOX_USER } from "../sandbox/identity.js";

/** A line of either file: a name, and the id in the third field. */
function entries(content: string): { line: string; name: string; id: string }[] {
  return content.split("\n").flatMap((line) => {
    const [name = "", , id = ""] = line.split(":");
    return line === "" || name === "" ? [] : [{ line, name, id }];
  });
}

/** The sandbox's user first, because the first line of a uid names it; others of its uid or name give way. */
function withOwn(content: Buffer | null, own: string, id: number): string {
  const others = entries(content?.toString("latin1") ?? "")
    .filter((entry) => entry.name !== SANDBOX_USER && Number(entry.id) !== id)
    .map(({ line }) => line);
  return [own, ...others].map((line) => `${line}\n`).join("");
}

export function passwdWithUser(passwd: Buffer | null, shell: string): string {
  const ids = `${String(SANDBOX_UID)}:${String(SANDBOX_GID)}`;
  return withOwn(passwd, `${SANDBOX_USER}:x:${ids}:Chaser:${SANDBOX_HOME}:${shell}`, SANDBOX_UID);
}

export function groupWithUser(group: Buffer | null): string {
  return withOwn(group, `${SANDBOX_USER}:x:${String(SANDBOX_GID)}:`, SANDBOX_GID);
}
