/**
 * A root program may stand where no other user can read it, for example below root's home directory. An engine that runs as
 * another user must load its code from there all the same. It gets a mount namespace of its own in which every such
 * directory is covered by an empty one that shows nothing but what the engine needs, at the same path.
 */

export interface Exposure {
  /** Directories to cover. */
  covers: string[];
  /** Directories to show below them. */
  shown: string[];
}

/** `isOpen` tells whether every user may search a directory. Paths are absolute and contain no symlinks. */
export function planExposure(paths: string[], isOpen: (directory: string) => boolean): Exposure {
  const covers = new Set<string>();
  const shown = new Set<string>();
  for (const path of paths) {
    const closed = ancestorsOf(path).filter((directory) => !isOpen(directory));
    const [topmost] = closed;
    const lowest = closed.at(-1);
    if (topmost === undefined || lowest === undefined) continue;
    covers.add(topmost);
    const [below] = path.slice(lowest.length + 1).split("/");
    shown.add(`${lowest}/${below ?? ""}`);
  }
  return { covers: [...covers], shown: [...shown] };
}

/** Topmost first, without the root directory and without the path itself. */
function ancestorsOf(path: string): string[] {
  const parts = path.split("/").slice(1, -1);
  return parts.map((_, n) => `/${parts.slice(0, n + 1).join("/")}`);
}

/** Shells know descriptors of one digit; the lower ones are in use. */
const firstFd = 5;

/**
 * A shell script, to be run as root in a mount namespace of its own, and its arguments. It ends by executing `command` as
 * the user. What is shown is opened before it is covered.
 */
export function exposureCommand(
  { covers, shown }: Exposure,
  user: { uid: number; gid: number },
  command: string[],
): string[] {
  const argument = (n: number): string => `"\${${n + 1}}"`;
  const lines = [
    "set -e",
    ...shown.map((_, n) => `exec ${firstFd + n}<${argument(covers.length + n)}`),
    ...covers.map((_, n) => `mount -t tmpfs -o mode=755,size=64k tmpfs ${argument(n)}`),
    ...shown.map((_, n) => `mkdir -p ${argument(covers.length + n)}`),
    ...shown.map((_, n) => `mount -c --bind /proc/self/fd/${firstFd + n} ${argument(covers.length + n)}`),
    ...shown.map((_, n) => `exec ${firstFd + n}<&-`),
    `shift ${covers.length + shown.length}`,
    `exec setpriv --reuid=${user.uid} --regid=${user.gid} --clear-groups -- "$@"`,
  ];
  return [
    ...["unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c", lines.join("\n"), "sh"],
    ...covers,
    ...shown,
    ...command,
  ];
}
