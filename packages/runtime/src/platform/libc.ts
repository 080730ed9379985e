/**
 * The few system calls that Node has no name for. Node's own pipes are sockets, which `/dev/stdin` inside a
 * sandbox cannot open, and Node hands descriptors it inherited without close-on-exec to every child.
 */
import koffi from "koffi";

const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;
const SYS_CLOSE_RANGE = 436; // The same on every architecture.
const CLOSE_RANGE_CLOEXEC = 4;
const LOCK_EX_NB = 2 | 4;
const EWOULDBLOCK = 11;
const EPERM = 1;
const SYS_SETRESUID: Partial<Record<NodeJS.Architecture, number>> = { x64: 117, arm64: 147 };

const libc = koffi.load(null);
const pipe2 = libc.func("int pipe2(_Out_ int *fds, int flags)") as (fds: Int32Array, flags: number) => number;
const memfdCreate = libc.func("int memfd_create(const char *name, unsigned int flags)") as (
  name: string,
  flags: number,
) => number;
const syscall4 = libc.func("long syscall(long number, long a, long b, long c)") as (
  number: number,
  a: number,
  b: number,
  c: number,
) => number;
const prlimit = libc.func("int prlimit(int pid, int resource, const uint64_t *value, void *old)") as (
  pid: number,
  resource: number,
  value: BigUint64Array,
  old: null,
) => number;
const prlimitRead = libc.func(
  "int prlimit(int pid, int resource, const void *value, _Out_ uint64_t *old)",
) as (pid: number, resource: number, value: null, old: BigUint64Array) => number;
const flock = libc.func("int flock(int fd, int operation)") as (fd: number, operation: number) => number;

class SystemCallError extends Error {
  constructor(
    call: string,
    readonly errno: number,
  ) {
    super(`${call} failed with errno ${String(errno)}`);
  }
}

function check(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno());
  return result;
}

/** A pipe, both ends close-on-exec and blocking. The caller closes both. */
export function createPipe(): { readEnd: number; writeEnd: number } {
  const fds = new Int32Array(2);
  check("pipe2", pipe2(fds, O_CLOEXEC));
  return { readEnd: fds[0] ?? -1, writeEnd: fds[1] ?? -1 };
}

/** An anonymous file in memory, close-on-exec. The caller closes it. */
export function createMemoryFile(name: string): number {
  return check("memfd_create", memfdCreate(name, MFD_CLOEXEC));
}

/**
 * Marks every descriptor from 3 on close-on-exec, those included that this process inherited or that native code
 * opened. A child started afterwards gets what its `stdio` names and nothing else. Needs Linux 5.11.
 */
export function sealDescriptors(): void {
  check("close_range", syscall4(SYS_CLOSE_RANGE, 3, 0xffffffff, CLOSE_RANGE_CLOEXEC));
}

export const RLIMIT = { fileSize: 1, data: 2, core: 4, processes: 6, openFiles: 7 } as const;

/** Sets the soft and hard limit of another process. */
export function setResourceLimit(pid: number, resource: number, value: number): void {
  check("prlimit", prlimit(pid, resource, new BigUint64Array([BigInt(value), BigInt(value)]), null));
}

/**
 * Runs `work`, which must not be asynchronous, with another effective user, and root's rights put aside. The user stays who this process
 * belongs to, so that nobody else may send it a signal meanwhile. By the bare system call, which changes this thread
 * alone: the C library's would change those that read and write files.
 */
export function withEffectiveUser(uid: number, work: () => void): void {
  const number = SYS_SETRESUID[process.arch];
  if (number === undefined) throw new Error(`no system call numbers for ${process.arch}`);
  const effective = (id: number): number => check("setresuid", syscall4(number, -1, id, -1));
  effective(uid);
  try {
    work();
  } finally {
    effective(0);
  }
}

export function isNotPermitted(error: unknown): boolean {
  return error instanceof SystemCallError && error.errno === EPERM;
}

/** Takes an exclusive lock that dies with the descriptor. False when someone else holds it. */
export function tryLock(fd: number): boolean {
  if (flock(fd, LOCK_EX_NB) === 0) return true;
  const errno = koffi.errno();
  if (errno === EWOULDBLOCK) return false;
  throw new SystemCallError("flock", errno);
}

/** The hard limit of this process; `Number.MAX_SAFE_INTEGER` for none. */
export function getHardLimit(resource: number): number {
  const values = new BigUint64Array(2);
  check("prlimit", prlimitRead(0, resource, null, values));
  const hard = values[1] ?? 0n;
  return hard > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(hard);
}
