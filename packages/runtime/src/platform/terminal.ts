/** Pseudo-terminals, by the kernel's own interface: what a C library's `openpty` does, without looking up a path. */
import { closeSync, constants, openSync } from "node:fs";
import koffi from "koffi";
import type { TerminalSize } from "../api.js";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSWINSZ = 0x5414;
/** Neither end may become the terminal of this process. */
const OPEN_FLAGS = constants.O_RDWR | constants.O_NOCTTY;
const O_CLOEXEC = 0o2000000;

const libc = koffi.load(null);
const ioctlPointer = libc.func("int ioctl(int fd, unsigned long request, void *argument)") as (
  fd: number,
  request: number,
  argument: Int32Array | Uint16Array,
) => number;
const ioctlNumber = libc.func("int ioctl(int fd, unsigned long request, long argument)") as (
  fd: number,
  request: number,
  argument: number,
) => number;

function check(call: string, result: number): number {
  if (result >= 0) return result;
  throw new Error(`${call} failed with errno ${String(koffi.errno())}`);
}

/** Both ends are close-on-exec. The caller closes them. */
export function openTerminal(size: TerminalSize): { master: number; slave: number } {
  const master = openSync("/dev/ptmx", OPEN_FLAGS);
  try {
    check("TIOCSPTLCK", ioctlPointer(master, TIOCSPTLCK, new Int32Array([0])));
    setTerminalSize(master, size);
    return { master, slave: check("TIOCGPTPEER", ioctlNumber(master, TIOCGPTPEER, OPEN_FLAGS | O_CLOEXEC)) };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

/** The programs in the foreground get SIGWINCH. */
export function setTerminalSize(master: number, { columns, rows }: TerminalSize): void {
  check("TIOCSWINSZ", ioctlPointer(master, TIOCSWINSZ, new Uint16Array([rows, columns, 0, 0])));
}
