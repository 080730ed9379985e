/** `Files` on a disk in memory, as one process has it. `Watch` sees every call, and may make it fail. */
import { StoreError } from "../../src/errors.js";
import {
  anywhere,
  type Fd,
  type Files,
  type FileType,
  type Name,
  type Stat,
} from "../../src/platform/files.js";
import { stateCheckBy } from "../platform/state-check.js";
import type { Inode, InodeNumber, NameChange } from "./inode.js";
import { rootInode, type MemoryDisk } from "./memory-disk.js";

export interface Watch {
  /** Before a call; what it throws is the kernel's answer. `tear`: does half of a write. */
  before?: (operation: keyof Files, isChange: boolean, tear: () => void, spoil: () => void) => void;
  /** After a call that has changed something. */
  changed?: (operation: keyof Files) => void;
  /** Makes a sync or a rename do less than it says. */
  lies?: (what: Asked) => Lie | null;
}

/** What is synced, or the rename of what. */
export type Asked = FileType | "filesystem" | `rename of ${FileType}`;

/** "in place": what was to be renamed is written over what has the name, and removed. */
export type Lie = "nothing" | "in place";

export function kernelError(errno: string, what: string): StoreError {
  const code =
    errno === "ENOSPC" || errno === "EDQUOT"
      ? "no_space"
      : errno === "EPERM" || errno === "EACCES"
        ? "permission_denied"
        : "io_error";
  return new StoreError(code, `${what}: ${errno}`, { data: { errno } });
}

const nothing = (): void => undefined;
const blockBytes = 4096;
const nsPerSecond = 1_000_000_000n;

function latin1(name: Name): string {
  return (typeof name === "string" ? Buffer.from(name) : Buffer.from(name)).toString("latin1");
}

/** Where a name leads: the directory it stands in (null for the open directory itself) and what is there. */
interface Resolved {
  directory: InodeNumber | null;
  name: string;
  inode: InodeNumber | null;
}

export class MemoryFiles implements Files {
  readonly #disk: MemoryDisk;
  readonly #watch: Watch;
  readonly #open = new Map<Fd, { inode: InodeNumber; key: object }>();
  #nextFd = 3;

  constructor(disk: MemoryDisk, watch: Watch = {}) {
    this.#disk = disk;
    this.#watch = watch;
  }

  /** The end of the process: descriptors go, and locks with them. */
  die(): void {
    for (const fd of [...this.#open.keys()]) this.#release(fd);
  }

  get openDescriptors(): number {
    return this.#open.size;
  }

  open: Files["open"] = (directory, name, options = {}) => {
    const { access = "read" } = options;
    const makes = access === "create" || access === "lock";
    this.#before("open", makes);
    const found = this.#resolve(directory, name);
    let number = found.inode;
    if (number === null) {
      if (!makes) throw kernelError("ENOENT", `open ${latin1(name)}`);
      number = this.#disk.make("file", options.mode ?? 0o600);
      this.#add("open", found, number);
    } else if (access === "create") {
      throw kernelError("EEXIST", `open ${latin1(name)}`);
    }
    const { type } = this.#disk.get(number);
    if (options.directory === true && type !== "directory")
      throw kernelError("ENOTDIR", `open ${latin1(name)}`);
    if (type === "symlink") throw kernelError("ELOOP", `open ${latin1(name)}`);
    if (access !== "read" && type === "directory") throw kernelError("EISDIR", `open ${latin1(name)}`);
    const fd = this.#nextFd;
    this.#nextFd += 1;
    this.#open.set(fd, { inode: number, key: {} });
    if (found.inode === null) this.#changed("open");
    return fd;
  };

  close: Files["close"] = (fd) => {
    this.#number(fd);
    this.#release(fd);
  };

  readSome: Files["readSome"] = (fd, buffer, position) => this.read(fd, buffer, position);

  read: Files["read"] = (fd, buffer, position) => {
    this.#before("read", false);
    const inode = this.#inode(fd);
    if (inode.type === "directory") throw kernelError("EISDIR", "read");
    return inode.content.copy(buffer, 0, position);
  };

  write: Files["write"] = (fd, buffer, position) => {
    const put = (bytes: Uint8Array): void => {
      const { content } = this.#inode(fd);
      const next = Buffer.alloc(Math.max(content.length, position + bytes.length));
      content.copy(next);
      next.set(bytes, position);
      this.#setContent(fd, next);
    };
    this.#before("write", true, () => put(buffer.subarray(0, Math.floor(buffer.length / 2))));
    put(buffer);
    this.#changed("write");
  };

  truncate: Files["truncate"] = (fd, sizeBytes) => {
    this.#before("truncate", true);
    const next = Buffer.alloc(sizeBytes);
    this.#inode(fd).content.copy(next);
    this.#setContent(fd, next);
    this.#changed("truncate");
  };

  shareContent: Files["shareContent"] = () => false;
  extents: Files["extents"] = () => null;

  makeSubvolume: Files["makeSubvolume"] = () => false;

  copySubvolume: Files["copySubvolume"] = () => false;

  sync: Files["sync"] = (fd) => {
    const number = this.#number(fd);
    const { type } = this.#inode(fd);
    this.#before("sync", true, nothing, () => {
      if (type === "file") this.#disk.update(number, { spoiled: true });
    });
    if ((this.#watch.lies?.(type) ?? null) === null) this.#disk.syncInode(number);
    this.#changed("sync");
  };

  beginWriting: Files["beginWriting"] = () => undefined;
  syncFilesystem: Files["syncFilesystem"] = () => {
    this.#before("syncFilesystem", true);
    if ((this.#watch.lies?.("filesystem") ?? null) === null) this.#disk.syncAll();
    this.#changed("syncFilesystem");
  };

  stat: Files["stat"] = (directory, name) => {
    this.#before("stat", false);
    return this.#statOf(this.#existing(directory, name));
  };

  statOpen: Files["statOpen"] = (fd) => {
    this.#before("statOpen", false);
    return this.#statOf(this.#number(fd));
  };

  stateCheck = stateCheckBy(this);

  list: Files["list"] = (fd) => {
    this.#before("list", false);
    return [...this.#inode(fd).entries].map(([key, number]) => ({
      name: Buffer.from(key, "latin1"),
      key,
      type: this.#disk.get(number).type,
    }));
  };

  makeDirectory: Files["makeDirectory"] = (directory, name, mode) => {
    this.#make("makeDirectory", directory, name, () => this.#disk.make("directory", mode));
  };

  makeSymlink: Files["makeSymlink"] = (target, directory, name) => {
    this.#make("makeSymlink", directory, name, () =>
      this.#disk.make("symlink", 0o777, { target: Buffer.from(target) }),
    );
  };

  makeNode: Files["makeNode"] = (directory, name, { type, mode, major, minor }) => {
    this.#make("makeNode", directory, name, () => this.#disk.make(type, mode, { major, minor }));
  };

  removeDirectory: Files["removeDirectory"] = (directory, name) => {
    this.#before("removeDirectory", true);
    const found = this.#found(directory, name);
    const { type, entries } = this.#disk.get(found.inode);
    if (type !== "directory") throw kernelError("ENOTDIR", `rmdir ${latin1(name)}`);
    if (entries.size > 0) throw kernelError("ENOTEMPTY", `rmdir ${latin1(name)}`);
    this.#remove("removeDirectory", found);
  };

  unlink: Files["unlink"] = (directory, name) => {
    this.#before("unlink", true);
    const found = this.#found(directory, name);
    if (this.#disk.get(found.inode).type === "directory")
      throw kernelError("EISDIR", `unlink ${latin1(name)}`);
    this.#remove("unlink", found);
  };

  rename: Files["rename"] = (fromDirectory, from, toDirectory, to) => {
    this.#before("rename", true);
    const removed = this.#found(fromDirectory, from);
    const target = this.#resolve(toDirectory, to);
    if (target.inode === removed.inode) return;
    if (target.inode !== null) {
      const old = this.#disk.get(target.inode);
      if (old.type === "directory" && old.entries.size > 0)
        throw kernelError("ENOTEMPTY", `rename to ${latin1(to)}`);
      if ((old.type === "directory") !== (this.#disk.get(removed.inode).type === "directory"))
        throw kernelError(old.type === "directory" ? "EISDIR" : "ENOTDIR", `rename to ${latin1(to)}`);
    }
    const lie = this.#watch.lies?.(`rename of ${this.#disk.get(removed.inode).type}`) ?? null;
    if (lie === "nothing") return;
    if (lie === "in place") {
      this.#overwrite(target, removed);
      return;
    }
    const added = { directory: this.#parent(target), name: target.name, inode: removed.inode };
    this.#disk.changeNames({ operation: "rename", syncedBy: added.directory, removed, added });
    this.#changed("rename");
  };

  link: Files["link"] = (fromDirectory, from, toDirectory, to) => {
    this.#before("link", true);
    const source = this.#existing(fromDirectory, from);
    const target = this.#resolve(toDirectory, to);
    if (target.inode !== null) throw kernelError("EEXIST", `link ${latin1(to)}`);
    if (this.#disk.get(source).type === "directory") throw kernelError("EPERM", `link ${latin1(to)}`);
    this.#add("link", target, source);
    this.#changed("link");
  };

  readSymlink: Files["readSymlink"] = (directory, name) => {
    this.#before("readSymlink", false);
    return this.#disk.get(this.#existing(directory, name)).target;
  };

  setMode: Files["setMode"] = (directory, name, mode) => {
    this.#before("setMode", true);
    this.#disk.setMetadata(this.#existing(directory, name), { mode });
    this.#changed("setMode");
  };

  setOwner: Files["setOwner"] = (directory, name, uid, gid) => {
    this.#before("setOwner", true);
    this.#disk.setMetadata(this.#existing(directory, name), { uid, gid });
    this.#changed("setOwner");
  };

  setModified: Files["setModified"] = (directory, name, seconds, nanoseconds) => {
    this.#before("setModified", true);
    const mtimeNs = BigInt(seconds) * nsPerSecond + BigInt(nanoseconds);
    this.#disk.setMetadata(this.#existing(directory, name), { mtimeNs });
    this.#changed("setModified");
  };

  xattrNames: Files["xattrNames"] = (directory, name) => {
    this.#before("xattrNames", false);
    return this.#attributes(this.#existing(directory, name));
  };

  xattrNamesOpen: Files["xattrNamesOpen"] = (fd) => {
    this.#before("xattrNamesOpen", false);
    return this.#attributes(this.#number(fd));
  };

  xattr: Files["xattr"] = (directory, name, attribute) => {
    this.#before("xattr", false);
    return this.#disk.get(this.#existing(directory, name)).metadata.xattrs.get(latin1(attribute)) ?? null;
  };

  setXattr: Files["setXattr"] = (directory, name, attribute, value) => {
    this.#before("setXattr", true);
    const number = this.#existing(directory, name);
    const xattrs = new Map(this.#disk.get(number).metadata.xattrs).set(latin1(attribute), Buffer.from(value));
    this.#disk.setMetadata(number, { xattrs });
    this.#changed("setXattr");
  };

  removeXattr: Files["removeXattr"] = (directory, name, attribute) => {
    this.#before("removeXattr", true);
    const number = this.#existing(directory, name);
    const xattrs = new Map(this.#disk.get(number).metadata.xattrs);
    if (!xattrs.delete(latin1(attribute))) throw kernelError("ENODATA", "removexattr");
    this.#disk.setMetadata(number, { xattrs });
    this.#changed("removeXattr");
  };

  /** A block of zeros is a hole. */
  seek: Files["seek"] = (fd, what, position) => {
    this.#before("seek", false);
    const { content } = this.#inode(fd);
    for (let at = position; at < content.length; at = (Math.floor(at / blockBytes) + 1) * blockBytes) {
      const block = content.subarray(Math.floor(at / blockBytes) * blockBytes).subarray(0, blockBytes);
      if (block.every((byte) => byte === 0) === (what === "hole")) return at;
    }
    return content.length;
  };

  lock: Files["lock"] = (fd, kind, wait) => {
    this.#before("lock", false);
    const { inode, key } = this.#open.get(fd) as { inode: InodeNumber; key: object };
    const holders = this.#disk.locks.get(inode) ?? new Map<object, "shared" | "exclusive">();
    const others = [...holders].filter(([holder]) => holder !== key);
    if (others.some(([, held]) => held === "exclusive" || kind === "exclusive")) {
      if (wait) throw new Error("this would wait for ever: the simulation runs one process at a time");
      return false;
    }
    this.#disk.locks.set(inode, holders.set(key, kind));
    return true;
  };

  #before(operation: keyof Files, isChange: boolean, tear = nothing, spoil = nothing): void {
    this.#watch.before?.(operation, isChange, tear, spoil);
  }

  #changed(operation: keyof Files): void {
    this.#watch.changed?.(operation);
  }

  #number(fd: Fd): InodeNumber {
    const opened = this.#open.get(fd);
    if (opened === undefined) throw new Error(`descriptor ${fd} is not open`);
    return opened.inode;
  }

  #inode(fd: Fd): Inode {
    return this.#disk.get(this.#number(fd));
  }

  #release(fd: Fd): void {
    const { inode, key } = this.#open.get(fd) as { inode: InodeNumber; key: object };
    this.#disk.locks.get(inode)?.delete(key);
    this.#open.delete(fd);
  }

  #setContent(fd: Fd, content: Buffer): void {
    const now = this.#disk.nowNs();
    const number = this.#number(fd);
    const { metadata } = this.#disk.get(number);
    this.#disk.update(number, { content, metadata: { ...metadata, mtimeNs: now, ctimeNs: now } });
  }

  #overwrite(target: Resolved, from: { directory: InodeNumber; name: string; inode: InodeNumber }): void {
    const { content, metadata } = this.#disk.get(from.inode);
    let number = target.inode;
    if (number === null) {
      number = this.#disk.make("file", metadata.mode);
      this.#add("open", target, number);
      this.#changed("open");
    }
    this.#disk.update(number, { content, metadata: { ...metadata, mtimeNs: this.#disk.nowNs() } });
    this.#changed("write");
    this.#remove("unlink", from);
  }

  #resolve(directory: Fd, name: Name | null): Resolved {
    const path = name === null ? "" : latin1(name);
    let inode: InodeNumber | null = directory === anywhere ? rootInode : this.#number(directory);
    let parent: InodeNumber | null = null;
    let last = "";
    for (const part of path.split("/").filter((one) => one !== "" && one !== ".")) {
      if (part.length > 255) throw kernelError("ENAMETOOLONG", path);
      if (inode === null) throw kernelError("ENOENT", path);
      const { type, entries }: Inode = this.#disk.get(inode);
      if (type !== "directory") throw kernelError("ENOTDIR", path);
      if (part === "..") {
        inode = this.#above(inode);
        continue;
      }
      parent = inode;
      last = part;
      inode = entries.get(part) ?? null;
    }
    return { directory: parent, name: last, inode };
  }

  /** The directory that a directory stands in; of the root, itself. */
  #above(directory: InodeNumber): InodeNumber {
    for (const [number, { entries }] of this.#disk.inodes) {
      for (const child of entries.values()) if (child === directory) return number;
    }
    return rootInode;
  }

  #found(directory: Fd, name: Name): { directory: InodeNumber; name: string; inode: InodeNumber } {
    const { inode, ...found } = this.#resolve(directory, name);
    if (inode === null) throw kernelError("ENOENT", latin1(name));
    return { inode, name: found.name, directory: this.#parent({ inode, ...found }) };
  }

  #parent({ directory, name }: Resolved): InodeNumber {
    if (directory === null) throw kernelError("EBUSY", name);
    return directory;
  }

  #existing(directory: Fd, name: Name | null): InodeNumber {
    const { inode } = this.#resolve(directory, name);
    if (inode === null) throw kernelError("ENOENT", name === null ? "descriptor" : latin1(name));
    return inode;
  }

  #make(operation: keyof Files, directory: Fd, name: Name, make: () => InodeNumber): void {
    this.#before(operation, true);
    const found = this.#resolve(directory, name);
    if (found.inode !== null) throw kernelError("EEXIST", `${operation} ${latin1(name)}`);
    this.#add(operation, found, make());
    this.#changed(operation);
  }

  #add(operation: string, found: Resolved, inode: InodeNumber): void {
    const directory = this.#parent(found);
    const change: NameChange = {
      operation,
      syncedBy: directory,
      removed: null,
      added: { directory, name: found.name, inode },
    };
    this.#disk.changeNames(change);
  }

  #remove(
    operation: keyof Files,
    removed: { directory: InodeNumber; name: string; inode: InodeNumber },
  ): void {
    this.#disk.changeNames({ operation, syncedBy: removed.directory, removed, added: null });
    this.#changed(operation);
  }

  #attributes(number: InodeNumber): Buffer[] {
    return [...this.#disk.get(number).metadata.xattrs.keys()].map((name) => Buffer.from(name, "latin1"));
  }

  #statOf(number: InodeNumber): Stat {
    const inode = this.#disk.get(number);
    const { mode, uid, gid, mtimeNs, ctimeNs } = inode.metadata;
    const sizeBytes = inode.type === "symlink" ? inode.target.length : inode.content.length;
    return {
      type: inode.type,
      mode,
      uid,
      gid,
      links: inode.type === "directory" ? 2 : inode.links,
      sizeBytes,
      allocatedBytes:
        inode.type === "directory" ? blockBytes : Math.ceil(sizeBytes / blockBytes) * blockBytes,
      mtimeSeconds: Number(mtimeNs / nsPerSecond),
      mtimeNanoseconds: Number(mtimeNs % nsPerSecond),
      ctimeSeconds: Number(ctimeNs / nsPerSecond),
      ctimeNanoseconds: Number(ctimeNs % nsPerSecond),
      inode: BigInt(number),
      device: 1n,
      major: inode.major,
      minor: inode.minor,
    };
  }
}
