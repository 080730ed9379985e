/**
 * The kernel, called through libc. Node's own `fs` knows neither `openat` and its family nor extended attributes, and its
 * `lstat` costs twice as much; see ARCHITECTURE.md for the measurement. `statx` is used because its layout is the same
 * on every architecture.
 */
import { constants as os } from "node:os";
import koffi from "koffi";
import { StoreError, type StoreErrorCode } from "../errors.js";
import { extentsOf } from "./extents.js";
import { createSubvolume, shareExtents, snapshotSubvolume } from "./ioctl.js";
import type { DirectoryEntry, Fd, Files, FileType, Name, OpenOptions, Stat } from "./files.js";

const libc = koffi.load(null);
const call = {
  openat: libc.func("int openat(int, const void*, int, uint)"),
  close: libc.func("int close(int)"),
  flock: libc.func("int flock(int, int)"),
  lseek: libc.func("int64_t lseek(int, int64_t, int)"),
  pread: libc.func("long pread(int, void*, size_t, int64_t)"),
  pwrite: libc.func("long pwrite(int, const void*, size_t, int64_t)"),
  ftruncate: libc.func("int ftruncate(int, int64_t)"),
  sync_file_range: libc.func("int sync_file_range(int, int64_t, int64_t, uint)"),
  fsync: libc.func("int fsync(int)"),
  syncfs: libc.func("int syncfs(int)"),
  statx: libc.func("int statx(int, const void*, int, uint, void*)"),
  getdents64: libc.func("long getdents64(int, void*, size_t)"),
  mkdirat: libc.func("int mkdirat(int, const void*, uint)"),
  unlinkat: libc.func("int unlinkat(int, const void*, int)"),
  renameat: libc.func("int renameat(int, const void*, int, const void*)"),
  linkat: libc.func("int linkat(int, const void*, int, const void*, int)"),
  symlinkat: libc.func("int symlinkat(const void*, int, const void*)"),
  readlinkat: libc.func("long readlinkat(int, const void*, void*, size_t)"),
  mknodat: libc.func("int mknodat(int, const void*, uint, uint64_t)"),
  fchmod: libc.func("int fchmod(int, uint)"),
  fchown: libc.func("int fchown(int, uint, uint)"),
  chmod: libc.func("int chmod(const void*, uint)"),
  fchownat: libc.func("int fchownat(int, const void*, uint, uint, int)"),
  futimens: libc.func("int futimens(int, const void*)"),
  utimensat: libc.func("int utimensat(int, const void*, const void*, int)"),
  llistxattr: libc.func("long llistxattr(const void*, void*, size_t)"),
  flistxattr: libc.func("long flistxattr(int, void*, size_t)"),
  lgetxattr: libc.func("long lgetxattr(const void*, const void*, void*, size_t)"),
  lsetxattr: libc.func("int lsetxattr(const void*, const void*, const void*, size_t, int)"),
  lremovexattr: libc.func("int lremovexattr(const void*, const void*)"),
};

const arm = process.arch === "arm64" || process.arch === "arm";
const flag = {
  readWrite: 0o2,
  create: 0o100,
  exclusive: 0o200,
  nonBlocking: 0o4000,
  closeOnExec: 0o2000000,
  /** Only finds what stands there: nothing is opened, so it may be a FIFO, a device, or forbidden to be read. */
  pathOnly: 0o10000000,
  directory: arm ? 0o40000 : 0o200000,
  noFollow: arm ? 0o100000 : 0o400000,
  atSymlinkNoFollow: 0x100,
  atRemoveDirectory: 0x200,
  atEmptyPath: 0x1000,
  statxBasic: 0x7ff,
};

const syncRangeWrite = 2;
const seekData = 3;
const seekHole = 4;
const lockShared = 1;
const lockExclusive = 2;
const lockNonBlocking = 4;

const typeBits: Record<FileType, number> = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
};
const typeOfBits = new Map<number, FileType>(
  Object.entries(typeBits).map(([type, bits]) => [bits, type as FileType]),
);

const errnoNames = new Map<number, string>(Object.entries(os.errno).map(([name, number]) => [number, name]));
errnoNames.set(95, "ENOTSUP");

function codeOf(errno: string): StoreErrorCode {
  switch (errno) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "permission_denied";
    case "ENOSPC":
    case "EDQUOT":
      return "no_space";
    default:
      return "io_error";
  }
}

function printable(name: Name): string {
  return typeof name === "string" ? name : Buffer.from(name).toString("utf8");
}

/** Scratch memory is per thread, as this module is; no call keeps a pointer to it. */
const nameScratch = Buffer.alloc(8192);
const secondNameScratch = Buffer.alloc(8192);
const statScratch = Buffer.alloc(256);
const entriesScratch = Buffer.alloc(256 * 1024);
const valueScratch = Buffer.alloc(64 * 1024 + 1);
const timesScratch = Buffer.alloc(32);
const utimeNow = 0x3fffffffn;

function terminated(name: Name, scratch = nameScratch): Buffer {
  const length = typeof name === "string" ? Buffer.byteLength(name) : name.length;
  if (length >= scratch.length) {
    throw new StoreError("io_error", `name of ${length} bytes is too long`, {
      data: { errno: "ENAMETOOLONG" },
    });
  }
  if (typeof name === "string") scratch.write(name, 0, "utf8");
  else scratch.set(name, 0);
  scratch[length] = 0;
  if (scratch.indexOf(0) < length) {
    throw new StoreError("invalid_argument", "name contains a zero byte", { data: { errno: "EINVAL" } });
  }
  return scratch;
}

const empty = Buffer.from([0]);

function fail(operation: string, name: Name | null): never {
  const number = koffi.errno();
  const errno = errnoNames.get(number) ?? `E${number}`;
  const what = name === null ? operation : `${operation} ${printable(name)}`;
  const reason = reasons.get(errno);
  const message = `${what}: ${reason === undefined ? errno : `${reason} (${errno})`}`;
  throw new StoreError(codeOf(errno), message, { data: { errno, operation } });
}

/** Of what people meet most. */
const reasons: ReadonlyMap<string, string> = new Map([
  ["ENOSPC", "no space is left on the filesystem"],
  ["EDQUOT", "the filesystem's quota is used up"],
]);

/** What the kernel says where a filesystem lacks a thing, and of what is not of its kind. */
const notPossibleHere: ReadonlySet<number> = new Set(
  [os.errno.ENOTTY, os.errno.EOPNOTSUPP, os.errno.EXDEV, os.errno.EINVAL, os.errno.ENOSYS].map(Number),
);

/** False for what is not possible here; any other failure is one. */
function ifPossible(operation: string, result: number): boolean {
  if (result === 0) return true;
  return notPossibleHere.has(koffi.errno()) ? false : fail(operation, null);
}

/** Repeats a call that a signal interrupted. */
function retry(run: () => number): number {
  for (;;) {
    const result = run();
    if (result >= 0 || koffi.errno() !== os.errno.EINTR) return result;
  }
}

const wordRange = 0x1_0000_0000;

/** The fields of a statx structure, in the machine's own byte order. */
const statWords = new Uint32Array(statScratch.buffer, statScratch.byteOffset, statScratch.length / 4);
const stateFlags = flag.atSymlinkNoFollow | flag.atEmptyPath;
const statAddress = koffi.address(statScratch);
const statSignedWords = new Int32Array(statWords.buffer, statWords.byteOffset, statWords.length);

function word(at: number): number {
  return statWords[at >> 2] as number;
}

function doubleWord(at: number): number {
  return word(at) + word(at + 4) * wordRange;
}

function signedDoubleWord(at: number): number {
  return word(at) + (statSignedWords[(at + 4) >> 2] as number) * wordRange;
}

/** Inode and device are wanted for few files, and big integers are slow to make, so they are made when asked for. */
class LinuxStat implements Stat {
  readonly type: FileType;
  readonly mode: number;
  readonly links = word(0x10);
  readonly uid = word(0x14);
  readonly gid = word(0x18);
  readonly sizeBytes = doubleWord(0x28);
  readonly allocatedBytes = doubleWord(0x30) * 512;
  readonly ctimeSeconds = signedDoubleWord(0x60);
  readonly ctimeNanoseconds = word(0x68);
  readonly mtimeSeconds = signedDoubleWord(0x70);
  readonly mtimeNanoseconds = word(0x78);
  readonly major = word(0x80);
  readonly minor = word(0x84);
  readonly #inodeLow = word(0x20);
  readonly #inodeHigh = word(0x24);
  readonly #deviceMajor = word(0x88);
  readonly #deviceMinor = word(0x8c);

  constructor() {
    const bits = word(0x1c) & 0xffff;
    this.type = typeOfBits.get(bits & 0o170000) ?? "file";
    this.mode = bits & 0o7777;
  }

  get inode(): bigint {
    return (BigInt(this.#inodeHigh) << 32n) | BigInt(this.#inodeLow);
  }

  get device(): bigint {
    return (BigInt(this.#deviceMajor) << 32n) | BigInt(this.#deviceMinor);
  }
}

/** The path by which calls that know no directory argument reach a name relative to an open directory. */
function procPath(directory: Fd, name: Name): Buffer {
  if (directory === -100) return Buffer.concat([Buffer.from(name as never), empty]);
  const tail = typeof name === "string" ? Buffer.from(name) : name;
  if (tail.includes(0)) throw new StoreError("invalid_argument", "name contains a zero byte");
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), tail, empty]);
}

/** Most files have none, and only where there is no room to fill does the kernel allocate none. */
function attributeNames(name: Name | null, call: (room: Buffer | null, bytes: number) => number): Buffer[] {
  let length = call(null, 0);
  if (length > 0) length = call(valueScratch, valueScratch.length);
  if (length < 0) {
    if (koffi.errno() === 95) return [];
    fail("listxattr", name);
  }
  const names: Buffer[] = [];
  let start = 0;
  for (let at = 0; at < length; at++) {
    if (valueScratch[at] !== 0) continue;
    names.push(Buffer.from(valueScratch.subarray(start, at)));
    start = at + 1;
  }
  return names;
}

function openFlags(options: OpenOptions): number {
  let flags = flag.closeOnExec | flag.nonBlocking;
  if (options.follow !== true) flags |= flag.noFollow;
  if (options.directory === true) flags |= flag.directory;
  switch (options.access ?? "read") {
    case "read":
      return flags;
    case "create":
      return flags | flag.readWrite | flag.create | flag.exclusive;
    case "readwrite":
      return flags | flag.readWrite;
    case "lock":
      return flags | flag.readWrite | flag.create;
  }
}

/** `Files` on the kernel, through libc. */
export const linuxFiles: Files = {
  open(directory, name, options = {}) {
    const path = terminated(name);
    const fd = retry(() => call.openat(directory, path, openFlags(options), options.mode ?? 0o600) as number);
    if (fd < 0) fail("open", name);
    return fd;
  },
  close(fd) {
    if ((call.close(fd) as number) !== 0) fail("close", null);
  },
  read(fd, buffer, position) {
    let done = 0;
    while (done < buffer.length) {
      const part = done === 0 ? buffer : buffer.subarray(done);
      const count = this.readSome(fd, part, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  },
  readSome(fd, buffer, position) {
    const count = retry(() => call.pread(fd, buffer, buffer.length, position) as number);
    if (count < 0) fail("read", null);
    return count;
  },
  write(fd, buffer, position) {
    let done = 0;
    while (done < buffer.length) {
      const part = done === 0 ? buffer : buffer.subarray(done);
      const count = retry(() => call.pwrite(fd, part, part.length, position + done) as number);
      if (count < 0) fail("write", null);
      done += count;
    }
  },
  truncate(fd, sizeBytes) {
    if (retry(() => call.ftruncate(fd, sizeBytes) as number) !== 0) fail("truncate", null);
  },
  shareContent(from, to) {
    return ifPossible("clone", shareExtents(from, to));
  },
  extents(fd) {
    const extents = extentsOf(fd);
    if (extents === null && !notPossibleHere.has(koffi.errno())) fail("extents", null);
    return extents;
  },
  beginWriting(fd, position, bytes) {
    call.sync_file_range(fd, position, bytes, syncRangeWrite);
  },
  sync(fd) {
    if (retry(() => call.fsync(fd) as number) !== 0) fail("fsync", null);
  },
  syncFilesystem(fd) {
    if (retry(() => call.syncfs(fd) as number) !== 0) fail("syncfs", null);
  },
  stat(directory, name) {
    const path = terminated(name);
    if ((call.statx(directory, path, flag.atSymlinkNoFollow, flag.statxBasic, statScratch) as number) !== 0) {
      fail("stat", name);
    }
    return new LinuxStat();
  },
  statOpen(fd) {
    if ((call.statx(fd, empty, flag.atEmptyPath, flag.statxBasic, statScratch) as number) !== 0) {
      fail("fstat", null);
    }
    return new LinuxStat();
  },
  stateCheck(names) {
    if (names.at(-1) !== 0) throw new RangeError("the last name has no end");
    // By address, because views and buffers that are made for each name cost as much as the call itself.
    const start = koffi.address(names);
    return (directory, nameStart, words, at) => {
      // Also where a damaged table gives no number.
      if (!(nameStart < names.length)) return false;
      const name = start + BigInt(nameStart);
      if ((call.statx(directory, name, stateFlags, flag.statxBasic, statAddress) as number) !== 0)
        return false;
      return (
        words[at + 5] === word(0x68) &&
        words[at + 4] === word(0x60) &&
        words[at + 3] === word(0x78) &&
        words[at + 2] === word(0x70) &&
        words[at + 1] === word(0x28) &&
        words[at] === word(0x20)
      );
    };
  },
  list(fd) {
    const entries: DirectoryEntry[] = [];
    for (;;) {
      const length = call.getdents64(fd, entriesScratch, entriesScratch.length) as number;
      if (length < 0) fail("list", null);
      if (length === 0) return entries;
      // One copy that all names are views of.
      const raw = Buffer.from(entriesScratch.subarray(0, length));
      for (let at = 0; at < length; at += raw.readUInt16LE(at + 16)) {
        const start = at + 19;
        const end = raw.indexOf(0, start);
        const key = raw.toString("latin1", start, end);
        if (key === "." || key === "..") continue;
        const type = typeOfBits.get((raw[at + 18] as number) << 12) ?? null;
        entries.push({ name: raw.subarray(start, end), key, type });
      }
    }
  },
  makeDirectory(directory, name, mode) {
    if ((call.mkdirat(directory, terminated(name), mode) as number) !== 0) fail("mkdir", name);
  },
  makeSubvolume(directory, name) {
    return ifPossible("create subvolume", createSubvolume(directory, name));
  },
  copySubvolume(from, directory, name) {
    return ifPossible("snapshot subvolume", snapshotSubvolume(from, directory, name));
  },
  removeDirectory(directory, name) {
    if ((call.unlinkat(directory, terminated(name), flag.atRemoveDirectory) as number) !== 0) {
      fail("rmdir", name);
    }
  },
  unlink(directory, name) {
    if ((call.unlinkat(directory, terminated(name), 0) as number) !== 0) fail("unlink", name);
  },
  rename(fromDirectory, from, toDirectory, to) {
    const target = terminated(to, secondNameScratch);
    if ((call.renameat(fromDirectory, terminated(from), toDirectory, target) as number) !== 0) {
      fail("rename", from);
    }
  },
  link(fromDirectory, from, toDirectory, to) {
    const target = terminated(to, secondNameScratch);
    if ((call.linkat(fromDirectory, terminated(from), toDirectory, target, 0) as number) !== 0) {
      fail("link", to);
    }
  },
  makeSymlink(target, directory, name) {
    const content = terminated(target, secondNameScratch);
    if ((call.symlinkat(content, directory, terminated(name)) as number) !== 0) fail("symlink", name);
  },
  readSymlink(directory, name) {
    const length = call.readlinkat(directory, terminated(name), valueScratch, valueScratch.length) as number;
    if (length < 0) fail("readlink", name);
    return Buffer.from(valueScratch.subarray(0, length));
  },
  makeNode(directory, name, node) {
    const { major, minor } = node;
    const device =
      (BigInt(major & 0xfffff000) << 32n) |
      (BigInt(major & 0xfff) << 8n) |
      (BigInt(minor & 0xffffff00) << 12n) |
      BigInt(minor & 0xff);
    const mode = typeBits[node.type] | node.mode;
    if ((call.mknodat(directory, terminated(name), mode, device) as number) !== 0) fail("mknod", name);
  },
  setMode(directory, name, mode) {
    if (name === null) {
      if ((call.fchmod(directory, mode) as number) !== 0) fail("chmod", null);
      return;
    }
    // `fchmodat` follows links, and glibc knows a flag against it only from 2.32 on, where it does what is done here.
    const path = terminated(name);
    const flags = flag.pathOnly | flag.noFollow | flag.closeOnExec;
    const fd = retry(() => call.openat(directory, path, flags, 0) as number);
    if (fd < 0) fail("chmod", name);
    try {
      // Some filesystems would give the link a mode, which nothing else ever does.
      if (this.statOpen(fd).type === "symlink") {
        throw new StoreError("io_error", `chmod ${printable(name)}: links have no mode`, {
          data: { errno: "ENOTSUP", operation: "chmod" },
        });
      }
      if ((call.chmod(terminated(`/proc/self/fd/${fd}`), mode) as number) !== 0) fail("chmod", name);
    } finally {
      this.close(fd);
    }
  },
  setOwner(directory, name, uid, gid) {
    const result =
      name === null
        ? (call.fchown(directory, uid, gid) as number)
        : (call.fchownat(directory, terminated(name), uid, gid, flag.atSymlinkNoFollow) as number);
    if (result !== 0) fail("chown", name);
  },
  setModified(directory, name, seconds, nanoseconds) {
    timesScratch.writeBigInt64LE(0n, 0);
    timesScratch.writeBigInt64LE(utimeNow, 8);
    timesScratch.writeBigInt64LE(BigInt(seconds), 16);
    timesScratch.writeBigInt64LE(BigInt(nanoseconds), 24);
    const result =
      name === null
        ? (call.futimens(directory, timesScratch) as number)
        : (call.utimensat(directory, terminated(name), timesScratch, flag.atSymlinkNoFollow) as number);
    if (result !== 0) fail("utimens", name);
  },
  xattrNames(directory, name) {
    const path = procPath(directory, name);
    return attributeNames(name, (room, bytes) => call.llistxattr(path, room, bytes) as number);
  },
  xattrNamesOpen(fd) {
    return attributeNames(null, (room, bytes) => call.flistxattr(fd, room, bytes) as number);
  },
  xattr(directory, name, attribute) {
    const key = terminated(attribute);
    const path = procPath(directory, name);
    const length = call.lgetxattr(path, key, valueScratch, valueScratch.length) as number;
    if (length < 0) {
      if (koffi.errno() === os.errno.ENODATA || koffi.errno() === 95) return null;
      fail("getxattr", name);
    }
    return Buffer.from(valueScratch.subarray(0, length));
  },
  setXattr(directory, name, attribute, value) {
    const key = terminated(attribute);
    const path = procPath(directory, name);
    if ((call.lsetxattr(path, key, Buffer.from(value), value.length, 0) as number) !== 0) {
      fail("setxattr", name);
    }
  },
  removeXattr(directory, name, attribute) {
    const key = terminated(attribute);
    if ((call.lremovexattr(procPath(directory, name), key) as number) !== 0) fail("removexattr", name);
  },
  seek(fd, what, position) {
    const found = Number(call.lseek(fd, position, what === "data" ? seekData : seekHole));
    if (found >= 0) return found;
    // ENXIO: nothing of that kind up to the end. EINVAL: the filesystem knows no holes.
    switch (koffi.errno()) {
      case os.errno.ENXIO:
        return this.statOpen(fd).sizeBytes;
      case os.errno.EINVAL:
        return what === "data" ? position : this.statOpen(fd).sizeBytes;
      default:
        return fail("seek", null);
    }
  },
  lock(fd, kind, wait) {
    const operation = (kind === "shared" ? lockShared : lockExclusive) | (wait ? 0 : lockNonBlocking);
    if (retry(() => call.flock(fd, operation) as number) === 0) return true;
    if (!wait && koffi.errno() === os.errno.EWOULDBLOCK) return false;
    return fail("flock", null);
  },
};
