/**
 * The one door to the kernel. Everything the store does on a disk goes through this interface, so that a test can make
 * any call fail, stop or tear. Calls are synchronous: the engine runs in a thread of its own, where a synchronous walk is
 * several times faster than one through promises. All names are relative to an open directory and no call follows a
 * symlink in the last component, so nothing that an attacker swaps underneath leads out of the tree.
 *
 * Every failure is a `StoreError` whose `data.errno` is the symbolic error number.
 */
import { StoreError } from "../errors.js";
import type { Extent } from "./extents.js";

/** An open file or directory. */
export type Fd = number;

/** Stands for the working directory, so that absolute paths may be given as names. */
export const anywhere: Fd = -100;

export type FileType = "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block";

/** What the kernel says of an entry. */
export interface Stat {
  /** What it is. */
  type: FileType;
  /** Permission bits with setuid, setgid and sticky: 12 bits. */
  mode: number;
  /** Owner on the host. */
  uid: number;
  /** Group on the host. */
  gid: number;
  /** How many names it has. */
  links: number;
  /** Length of the content; of a symlink that of its target. */
  sizeBytes: number;
  /** `st_blocks * 512`. */
  allocatedBytes: number;
  /** When the content changed: whole seconds since 1970, rounded down. */
  mtimeSeconds: number;
  /** What is beyond them. */
  mtimeNanoseconds: number;
  /** When anything of it changed, which nobody can set. */
  ctimeSeconds: number;
  /** What is beyond them. */
  ctimeNanoseconds: number;
  /** Its number on its filesystem. */
  inode: bigint;
  /** The filesystem: major number in the upper 32 bits, minor in the lower. */
  device: bigint;
  /** Of the device that a device node stands for. */
  major: number;
  /** Likewise. */
  minor: number;
}

/**
 * By which a file is known to be as it was: inode, size, mtime and ctime, these two in seconds and nanoseconds. What is longer than 32
 * bits is kept modulo 2^32: numbers are only compared, and any change of a file moves the nanoseconds of its ctime.
 */
export const stateWordCount = 6;

export function stateWords(stat: Stat): number[] {
  return [
    Number(stat.inode & 0xffff_ffffn),
    stat.sizeBytes >>> 0,
    stat.mtimeSeconds >>> 0,
    stat.mtimeNanoseconds,
    stat.ctimeSeconds >>> 0,
    stat.ctimeNanoseconds,
  ];
}

/**
 * True when the entry whose name begins at `nameStart` is in the state that `words` has from `at` on. False for all else,
 * such as an entry that is gone, or that may not be asked after.
 */
export type StateCheck = (directory: Fd, nameStart: number, words: Uint32Array, at: number) => boolean;

export interface DirectoryEntry {
  name: Buffer;
  /** The name with one character a byte: sorts as the bytes do, and serves as the key of a map. */
  key: string;
  /** Null where the filesystem does not tell. */
  type: FileType | null;
}

export type Name = string | Uint8Array;

/** How something is opened. A link as the last name is followed only with `follow`. */
export interface OpenOptions {
  /** Default "read". "create" makes a new file and fails when the name exists. "readwrite" opens an existing one. "lock" makes it when missing. */
  access?: "read" | "create" | "readwrite" | "lock";
  directory?: boolean;
  /** Permission bits of a created file. Default 0600. */
  mode?: number;
  /** Only for paths the caller owns: follow a symlink in the last component. */
  follow?: boolean;
}

/** The calls. A `name` is one component or a path relative to `directory`; `anywhere` for absolute ones. */
export interface Files {
  /** Code `io_error` with errno `ELOOP` for a symlink, unless it is to be followed. Never waits for a FIFO's other end. */
  open(directory: Fd, name: Name, options?: OpenOptions): Fd;
  /** Frees a descriptor. */
  close(fd: Fd): void;
  /** Reads at a position until the buffer is full or the file ends; returns how many bytes. */
  read(fd: Fd, buffer: Uint8Array, position: number): number;
  /** Reads at a position with one call, which may give less although the file goes on; returns how many bytes. */
  readSome(fd: Fd, buffer: Uint8Array, position: number): number;
  /** Writes the whole buffer at a position. */
  write(fd: Fd, buffer: Uint8Array, position: number): void;
  /** Makes a file that long; what is new reads as zeros. */
  truncate(fd: Fd, sizeBytes: number): void;
  /** Gives an empty file the content of another by sharing its extents. False where the filesystem cannot. */
  shareContent(from: Fd, to: Fd): boolean;
  /** Where a regular file's content lies on its device. Null where the filesystem does not tell. */
  extents(fd: Fd): Extent[] | null;
  /**
   * Lets the disk begin to write a part of a file, so that a `sync` that follows waits less. A hint: it promises nothing, and
   * what goes wrong shows in that `sync`.
   */
  beginWriting(fd: Fd, position: number, bytes: number): void;
  /** Makes a file's or directory's content durable. After a failure the file must be thrown away. */
  sync(fd: Fd): void;
  /** Makes everything on the filesystem durable. */
  syncFilesystem(fd: Fd): void;
  /** Of the entry itself, also where it is a symlink. */
  stat(directory: Fd, name: Name): Stat;
  /** Of what is open. */
  statOpen(fd: Fd): Stat;
  /** Asks after the states of many entries. Every name lies in `names`, followed by a zero byte; an empty one stands for the open directory itself. */
  stateCheck(names: Buffer): StateCheck;
  /** Without `.` and `..`, in the filesystem's order. */
  list(fd: Fd): DirectoryEntry[];
  /** `mode`: permission bits, less the process's umask. */
  makeDirectory(directory: Fd, name: Name, mode: number): void;
  /** An empty directory, of mode 0755 at most, that `copySubvolume` can copy. False where the filesystem has no such thing. */
  makeSubvolume(directory: Fd, name: string): boolean;
  /** Copies an open directory with all that is below it at once. False where it is not a subvolume. */
  copySubvolume(from: Fd, directory: Fd, name: string): boolean;
  /** Removes an empty directory. */
  removeDirectory(directory: Fd, name: Name): void;
  /** Removes a name that is not a directory's. */
  unlink(directory: Fd, name: Name): void;
  /** Moves an entry, in the place of what has the new name. */
  rename(fromDirectory: Fd, from: Name, toDirectory: Fd, to: Name): void;
  /** Gives a file another name, which must be free. */
  link(fromDirectory: Fd, from: Name, toDirectory: Fd, to: Name): void;
  /** `target` is kept as it is. */
  makeSymlink(target: Uint8Array, directory: Fd, name: Name): void;
  /** What a symlink holds. */
  readSymlink(directory: Fd, name: Name): Buffer;
  /** A FIFO, socket or device node: `type` says which, `mode` is permission bits, `major` and `minor` name the device and are 0 for others. */
  makeNode(
    directory: Fd,
    name: Name,
    node: { type: FileType; mode: number; major: number; minor: number },
  ): void;
  /** Not for symlinks, which have no mode. Here and in the next two, name null stands for the open descriptor itself. */
  setMode(directory: Fd, name: Name | null, mode: number): void;
  /** Ids are those of the host. */
  setOwner(directory: Fd, name: Name | null, uid: number, gid: number): void;
  /** Sets the modification time; the access time becomes the present. */
  setModified(directory: Fd, name: Name | null, seconds: number, nanoseconds: number): void;
  /** Names of the extended attributes; none where the filesystem has no such thing. */
  xattrNames(directory: Fd, name: Name): Buffer[];
  /** The same of what is open. */
  xattrNamesOpen(fd: Fd): Buffer[];
  /** Null when there is no such attribute. */
  xattr(directory: Fd, name: Name, attribute: Uint8Array): Buffer | null;
  /** Sets an attribute, whether it was there or not. */
  setXattr(directory: Fd, name: Name, attribute: Uint8Array, value: Uint8Array): void;
  /** Removes an attribute that is there. */
  removeXattr(directory: Fd, name: Name, attribute: Uint8Array): void;
  /** The first data or hole at or after a position; the file's size where there is none. */
  seek(fd: Fd, what: "data" | "hole", position: number): number;
  /** `flock`: freed when the holder closes it or dies. Returns false when it is held and `wait` is false. */
  lock(fd: Fd, kind: "shared" | "exclusive", wait: boolean): boolean;
}

/** True when the error is the kernel's answer `errno`. */
export function isErrno(error: unknown, ...errnos: string[]): boolean {
  return error instanceof StoreError && errnos.includes(error.data["errno"] as string);
}
