import { closeSync, constants, fstatSync, openSync } from "node:fs";
import koffi from "koffi";

const NS_GET_PARENT = 0xb702;
/** A command has two: the one it is set up in, and the one it runs in. */
const DEPTH_MAX = 8;

const ioctl = koffi.load(null).func("int ioctl(int fd, unsigned long request, long argument)") as (
  fd: number,
  request: number,
  argument: number,
) => number;

/** `process` is a process's directory in some `/proc`. Null when it is gone. */
export function userNamespaceOf(process: string): string | null {
  return withNamespace(process, identity);
}

/**
 * The namespace directly below `top` that the process's own one is or lies in. It tells which command a process comes
 * from, whatever the process has done since: nothing inside can leave its user namespace or make another. Null where
 * it cannot be told.
 */
export function userNamespaceBelow(top: string, process: string): string | null {
  return withNamespace(process, (fd) => {
    const opened: number[] = [];
    try {
      for (let [current, own] = [fd, identity(fd)]; opened.length < DEPTH_MAX;) {
        const parent = ioctl(current, NS_GET_PARENT, 0);
        if (parent < 0) return null;
        opened.push(parent);
        const above = identity(parent);
        if (above === top) return own;
        [current, own] = [parent, above];
      }
      return null;
    } finally {
      for (const parent of opened) closeSync(parent);
    }
  });
}

function identity(fd: number): string {
  const { dev, ino } = fstatSync(fd);
  return `${String(dev)}:${String(ino)}`;
}

function withNamespace(process: string, look: (fd: number) => string | null): string | null {
  let fd: number;
  try {
    fd = openSync(`${process}/ns/user`, constants.O_RDONLY);
  } catch {
    return null; // Gone meanwhile.
  }
  try {
    return look(fd);
  } finally {
    closeSync(fd);
  }
}
