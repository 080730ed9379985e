/**
 * `/etc/passwd` and `/etc/group` of an image with the sandbox's user in them, under the name that the image runs as, too. The number stays
 * the sandbox's, to whom all files of an image belong: names of an image's users stay usable and none of them decides who runs. Pure.
 */
import { SANDBOX_GID, SANDBOX_HOME, SANDBOX_UID, SANDBOX_USER } from "../sandbox/identity.js";

export interface AccountFiles {
  passwd: string;
  group: string;
  /** What commands are called. */
  user: string;
}

/** A line of either file: a name, and the id in the third field. */
interface Entry {
  line: string;
  name: string;
  id: number | null;
  /** Of `passwd` the user's group. */
  fourth: string;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;
const ID_MAX = 2 ** 32 - 2;
const ROOT = "root";

/** No number that a system would read as another one: `4294967296` is not root. */
function idOf(text: string): number | null {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= ID_MAX ? Number(text) : null;
}

function entriesOf(content: Buffer | null): Entry[] {
  return (content?.toString("latin1") ?? "").split("\n").flatMap((line) => {
    const [name = "", , id = "", fourth = ""] = line.split(":");
    return line === "" || name === "" ? [] : [{ line, name, id: idOf(id), fourth }];
  });
}

/** By name or number; null for root, whom only a command that asks for it is, and for what no system would take for a name. */
function find(entries: readonly Entry[], text: string): Entry | null {
  const id = idOf(text);
  const found = entries.find((entry) => (id === null ? entry.name === text : entry.id === id));
  const usable = found !== undefined && NAME.test(found.name) && found.name !== ROOT;
  return usable && found.id !== null && found.id !== 0 ? found : null;
}

/** The first line of an id names it, and all lines of its names lead to it; others of these names give way. */
function withOwn(
  entries: readonly Entry[],
  first: string | undefined,
  id: number,
  lineOf: (name: string) => string,
): string {
  const same = entries.filter((entry) => entry.id === id && NAME.test(entry.name) && entry.name !== ROOT);
  const names = new Set([first ?? SANDBOX_USER, SANDBOX_USER, ...same.map(({ name }) => name)]);
  const others = entries.filter((entry) => !names.has(entry.name) && entry.id !== id);
  return [...[...names].map(lineOf), ...others.map(({ line }) => line)].map((line) => `${line}\n`).join("");
}

/** `user` as the configuration says it: `name`, `number`, either with `:group`. What the image does not have is not honoured. */
export function accountFiles(
  files: { passwd: Buffer | null; group: Buffer | null },
  { user, shell }: { user: string | null; shell: string },
): AccountFiles {
  const [users, groups] = [entriesOf(files.passwd), entriesOf(files.group)];
  const [name = "", groupName] = (user ?? "").split(":");
  const own = find(users, name);
  const group = find(groups, groupName ?? own?.fourth ?? "");
  const ids = `${String(SANDBOX_UID)}:${String(SANDBOX_GID)}`;
  return {
    passwd: withOwn(
      users,
      own?.name,
      SANDBOX_UID,
      (each) => `${each}:x:${ids}:Chaser:${SANDBOX_HOME}:${shell}`,
    ),
    group: withOwn(groups, group?.name, SANDBOX_GID, (each) => `${each}:x:${String(SANDBOX_GID)}:`),
    user: own?.name ?? SANDBOX_USER,
  };
}
