/**
 * Starts a program without copying this process. Node's `spawn` forks, which duplicates the page tables of a whole
 * server while its only thread waits, and makes it pay for every page that it writes to afterwards; `posix_spawn` borrows
 * the memory until the program has begun.
 */
import { getSystemErrorName } from "node:util";
import koffi from "koffi";

/** More than any C library's `posix_spawnattr_t` or `posix_spawn_file_actions_t` takes (glibc: 336 and 80). */
const OPAQUE_BYTES = 1024;
const SIGSET_BYTES = 128;
/** The same in all C libraries of Linux. */
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;

const libc = koffi.load(null);
const onActions = (name: string, more = ""): ((actions: Buffer, ...values: unknown[]) => number) =>
  libc.func(`int posix_spawn_file_actions_${name}(void *actions${more})`) as (
    actions: Buffer,
    ...values: unknown[]
  ) => number;
const actionsInit = onActions("init");
const actionsDestroy = onActions("destroy");
const addDuplicate = onActions("adddup2", ", int fd, int as");
const addClose = onActions("addclose", ", int fd");
const addDirectory = onActions("addchdir_np", ", const char *path");
const onAttributes = (name: string, more = ""): ((attributes: Buffer, ...values: unknown[]) => number) =>
  libc.func(`int posix_spawnattr_${name}(void *attributes${more})`) as (
    attributes: Buffer,
    ...values: unknown[]
  ) => number;
const attributesInit = onAttributes("init");
const setFlags = onAttributes("setflags", ", short flags");
const setDefaultSignals = onAttributes("setsigdefault", ", const void *set");
const setMask = onAttributes("setsigmask", ", const void *set");
const posixSpawn = libc.func(
  "int posix_spawn(_Out_ int *pid, const char *path, const void *actions, const void *attributes, const char **argv, const char **envp)",
) as (
  pid: Int32Array,
  path: string,
  actions: Buffer,
  attributes: Buffer,
  argv: (string | null)[],
  envp: (string | null)[],
) => number;

/** Of these calls only: they return the number instead of setting `errno`. */
function check(call: string, errno: number): void {
  if (errno === 0) return;
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`${call} failed: ${code}`), { code });
}

/** A session of its own, every signal as a program expects it: Node ignores SIGPIPE, which would be inherited. */
const attributes = Buffer.alloc(OPAQUE_BYTES);
check("posix_spawnattr_init", attributesInit(attributes));
check("posix_spawnattr_setflags", setFlags(attributes, SETSIGDEF | SETSIGMASK | SETSID));
check("posix_spawnattr_setsigdefault", setDefaultSignals(attributes, Buffer.alloc(SIGSET_BYTES, 0xff)));
check("posix_spawnattr_setsigmask", setMask(attributes, Buffer.alloc(SIGSET_BYTES, 0)));

/** `stdio[n]` becomes descriptor n, by way of numbers that none of them has, so that none is overwritten before its turn. */
function addStdio(actions: Buffer, stdio: readonly number[]): void {
  const free = Math.max(stdio.length, ...stdio.map((fd) => fd + 1));
  const isSafe = stdio.every((fd) => fd >= stdio.length);
  if (!isSafe) stdio.forEach((fd, n) => check("adddup2", addDuplicate(actions, fd, free + n)));
  stdio.forEach((fd, n) => check("adddup2", addDuplicate(actions, isSafe ? fd : free + n, n)));
  if (!isSafe) stdio.forEach((_, n) => check("addclose", addClose(actions, free + n)));
}

/**
 * Gives the process id. In the root directory, with these descriptors (and those of this process that are not
 * close-on-exec) and this environment. Throws an error with the `code` of the system call; a program that is missing is one.
 */
export function posixSpawnProgram(
  file: string,
  args: readonly string[],
  { stdio, environment }: { stdio: readonly number[]; environment: Readonly<Record<string, string>> },
): number {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const argv = [file, ...args];
  // What follows it would be lost without a word.
  if ([...argv, ...variables].some((text) => text.includes("\0")))
    throw new TypeError("an argument contains a NUL byte");
  const actions = Buffer.alloc(OPAQUE_BYTES);
  check("posix_spawn_file_actions_init", actionsInit(actions));
  try {
    check("addchdir_np", addDirectory(actions, "/"));
    addStdio(actions, stdio);
    const pid = new Int32Array(1);
    check("posix_spawn", posixSpawn(pid, file, actions, attributes, [...argv, null], [...variables, null]));
    return pid[0] ?? -1;
  } finally {
    actionsDestroy(actions);
  }
}
