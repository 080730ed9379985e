/**
 * Writes one layer of an image as a directory that overlayfs can stack: removals are devices 0:0, replaced directories are
 * marked opaque. Every name is resolved component by component from the layer's own root, and no link is ever followed,
 * so nothing that is in the layer can lead out of it. What lies in other layers is never looked at.
 */
import { isErrno, removeTree, type Fd, type Files, type Stat } from "@chaser/store/files";
import { joinPath, showPath } from "./entry-path.js";
import { unsupported } from "./refuse.js";

export interface EntryMetadata {
  mode: number;
  /** Seconds since 1970. */
  modified: number;
}

/** Without setuid and setgid: nothing in a sandbox may become another user, and on the host the files are one user's. */
const MODE_MASK = 0o1777;
/** Directories stay open to their owner, who has to be able to remove them. */
const DIRECTORY_MODE_MIN = 0o700;
const DIRECTORY_MODE_DEFAULT = 0o755;
const OPAQUE_ATTRIBUTE = Buffer.from("user.overlay.opaque");
const LINK_TARGET_BYTES_MAX = 4095;

export class LayerTree {
  /** The layer's root hides everything below it, which overlayfs has no mark for. */
  opaqueRoot = false;
  readonly #files: Files;
  readonly #root: Fd;
  /** The directory that the last entry was made in: the next one is mostly there, too. */
  #near: { key: string; fd: Fd } | null = null;
  /** Set at the end, because a mode may keep its owner from adding something, and adding changes the time. */
  readonly #directories = new Map<string, EntryMetadata & { path: Buffer[] }>();

  constructor(files: Files, root: Fd) {
    this.#files = files;
    this.#root = root;
  }

  directory(path: Buffer[], metadata: EntryMetadata): void {
    const name = path.at(-1);
    if (name !== undefined) {
      const parent = this.#parent(path);
      if (this.#stat(parent, name)?.type !== "directory") {
        const replaced = this.#clear(parent, name);
        this.#files.makeDirectory(parent, name, DIRECTORY_MODE_DEFAULT);
        // What was in the way hid lower layers, and goes on hiding them.
        if (replaced) this.#markOpaque(parent, name);
      }
    }
    this.#directories.set(joinPath(path).toString("latin1"), { ...metadata, path });
  }

  /** The caller writes and closes it. */
  file(path: Buffer[], metadata: EntryMetadata): Fd {
    const { parent, name } = this.#place(path);
    this.#clear(parent, name);
    const fd = this.#files.open(parent, name, { access: "create" });
    this.#files.setMode(fd, null, metadata.mode & MODE_MASK);
    return fd;
  }

  finishFile(fd: Fd, metadata: EntryMetadata): void {
    this.#files.setModified(fd, null, metadata.modified, 0);
  }

  symlink(path: Buffer[], target: Buffer, metadata: EntryMetadata): void {
    if (target.length === 0 || target.length > LINK_TARGET_BYTES_MAX || target.includes(0)) {
      throw unsupported(`the link ${showPath(path)} has a target that cannot be`);
    }
    const { parent, name } = this.#place(path);
    this.#clear(parent, name);
    this.#files.makeSymlink(target, parent, name);
    this.#files.setModified(parent, name, metadata.modified, 0);
  }

  fifo(path: Buffer[], metadata: EntryMetadata): void {
    const { parent, name } = this.#place(path);
    this.#clear(parent, name);
    this.#files.makeNode(parent, name, { type: "fifo", mode: 0o600, major: 0, minor: 0 });
    this.#files.setMode(parent, name, metadata.mode & MODE_MASK);
  }

  /** A second name for a file of this layer. */
  link(path: Buffer[], target: Buffer[]): void {
    if (joinPath(path).equals(joinPath(target))) return;
    const refused = (reason: string): Error =>
      unsupported(`the hard link ${showPath(path)} leads to ${showPath(target)}, which ${reason}`);
    const last = target.at(-1);
    if (last === undefined) throw refused("is a directory");
    const from = this.#open(target.slice(0, -1), false);
    try {
      const stat = from === null ? null : this.#stat(from, last);
      if (from === null || stat === null || isRemoval(stat)) throw refused("is not in this layer");
      if (stat.type === "directory") throw refused("is a directory");
      const { parent, name } = this.#place(path);
      this.#clear(parent, name);
      try {
        this.#files.link(from, last, parent, name);
      } catch (error) {
        // It was below the directory that had to make room for it.
        if (isErrno(error, "ENOENT")) throw refused("is not in this layer");
        if (isErrno(error, "EMLINK")) throw refused("has too many names");
        throw error;
      }
    } finally {
      if (from !== null) this.#files.close(from);
    }
  }

  /** Says nothing of what this layer itself has under the name, whichever came first. */
  removal(path: Buffer[]): void {
    const { parent, name } = this.#place(path);
    const present = this.#stat(parent, name);
    if (present === null) {
      this.#files.makeNode(parent, name, { type: "character", mode: 0, major: 0, minor: 0 });
    } else if (present.type === "directory") this.#markOpaque(parent, name);
  }

  opaque(path: Buffer[]): void {
    const name = path.at(-1);
    if (name === undefined) {
      this.opaqueRoot = true;
      return;
    }
    const parent = this.#parent(path);
    this.#enter(parent, name, path);
    this.#markOpaque(parent, name);
  }

  /** Gives directories their modes and times. */
  finish(): void {
    const deepestFirst = [...this.#directories.values()].sort((a, b) => b.path.length - a.path.length);
    for (const { path, mode, modified } of deepestFirst) {
      const fd = this.#open(path, false);
      // Something else took its place later.
      if (fd === null) continue;
      try {
        this.#files.setMode(fd, null, (mode & MODE_MASK) | DIRECTORY_MODE_MIN);
        this.#files.setModified(fd, null, modified, 0);
      } finally {
        this.#files.close(fd);
      }
    }
  }

  close(): void {
    if (this.#near !== null) this.#files.close(this.#near.fd);
    this.#near = null;
  }

  #place(path: Buffer[]): { parent: Fd; name: Buffer } {
    const name = path.at(-1);
    if (name === undefined) throw unsupported("an entry that is not a directory stands for the root");
    return { parent: this.#parent(path), name };
  }

  /** The open directory of an entry, with those above made where they are missing. Belongs to this object. */
  #parent(path: Buffer[]): Fd {
    const above = path.slice(0, -1);
    const key = joinPath(above).toString("latin1");
    if (this.#near?.key !== key) {
      this.close();
      this.#near = { key, fd: this.#open(above, true) as Fd };
    }
    return (this.#near as { fd: Fd }).fd;
  }

  /** The caller closes it. Null when there is no such directory and none is to be made. */
  #open(path: Buffer[], make: boolean): Fd | null {
    let fd = this.#files.open(this.#root, ".", { directory: true });
    for (const name of path) {
      let next: Fd;
      try {
        if (make) this.#enter(fd, name, path);
        next = this.#files.open(fd, name, { directory: true });
      } catch (error) {
        if (!make && isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return null;
        throw error;
      } finally {
        this.#files.close(fd);
      }
      fd = next;
    }
    return fd;
  }

  /** Makes sure that a directory of this name is there. */
  #enter(parent: Fd, name: Buffer, path: Buffer[]): void {
    const present = this.#stat(parent, name);
    if (present?.type === "directory") return;
    if (present !== null && !isRemoval(present)) {
      const what = present.type === "symlink" ? "link" : present.type;
      throw unsupported(`${showPath(path)} passes through ${showPath(name)}, which is a ${what}`);
    }
    const replaced = this.#clear(parent, name);
    this.#files.makeDirectory(parent, name, DIRECTORY_MODE_DEFAULT);
    if (replaced) this.#markOpaque(parent, name);
  }

  /** Frees a name. True when something was there. */
  #clear(parent: Fd, name: Buffer): boolean {
    return removeTree(this.#files, parent, name) > 0;
  }

  #stat(parent: Fd, name: Buffer): Stat | null {
    try {
      return this.#files.stat(parent, name);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return null;
      throw error;
    }
  }

  #markOpaque(parent: Fd, name: Buffer): void {
    this.#files.setXattr(parent, name, OPAQUE_ATTRIBUTE, Buffer.from("y"));
  }
}

function isRemoval(stat: Stat): boolean {
  return stat.type === "character" && stat.major === 0 && stat.minor === 0;
}
