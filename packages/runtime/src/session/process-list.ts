/** What runs in a session, and which command each process comes from. */
import { readdirSync, readFileSync } from "node:fs";
import type { SessionProcess } from "../api.js";
import type { SessionCommand } from "../command/command.js";
import { userNamespaceBelow, userNamespaceOf } from "../platform/user-namespace.js";

/** The session's own first process, which is no one's. */
const INIT_PID = 1;

/** `proc` is the session's `/proc` as this process sees it, `keeper` the keeper's directory in its own. */
export function listProcesses(
  { proc, keeper }: { proc: string; keeper: string },
  commands: readonly SessionCommand[],
): SessionProcess[] {
  const top = userNamespaceOf(keeper);
  const ownerOf = top === null ? () => null : owners(top, commands);
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name) && Number(name) !== INIT_PID)
    .flatMap((pid) => {
      const stat = readStat(`${proc}/${pid}`);
      return stat === null ? [] : [{ pid: Number(pid), ...stat, commandId: ownerOf(`${proc}/${pid}`) }];
    });
}

/** Noted while a command's process exists, for what it leaves behind. The set-up may by then have gone a level further down. */
export function namespaceOfCommand(keeper: string, hostPid: number): string | null {
  const top = userNamespaceOf(keeper);
  return top === null ? null : userNamespaceBelow(top, `/proc/${String(hostPid)}`);
}

function owners(top: string, commands: readonly SessionCommand[]): (process: string) => string | null {
  const byNamespace = new Map<string, string>();
  // The kernel may give a number again: then it is the newest command's. `commands` has that first.
  for (const { id, hostPid, userNamespace } of [...commands].reverse()) {
    const running = hostPid === null ? null : userNamespaceBelow(top, `/proc/${String(hostPid)}`);
    const namespace = running ?? userNamespace;
    if (namespace !== null) byNamespace.set(namespace, id);
  }
  return (process) => {
    const namespace = userNamespaceBelow(top, process);
    return (namespace === null ? undefined : byNamespace.get(namespace)) ?? null;
  };
}

/** The name may hold anything, a closing parenthesis included. */
function readStat(process: string): { name: string; parentPid: number } | null {
  try {
    const stat = readFileSync(`${process}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    const parentPid = Number(stat.slice(end + 2).split(" ")[1]);
    return { name: stat.slice(stat.indexOf("(") + 1, end), parentPid };
  } catch {
    return null; // Gone meanwhile.
  }
}
