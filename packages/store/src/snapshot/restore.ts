/**
 * Puts a directory into the state of a tree. Only what differs is written: an entry that already has the right type,
 * content and metadata is left alone. A restore that was interrupted can be run again.
 */
import { hash } from "../chunk/hash.js";
import type { ObjectSource } from "../pack/chunks.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";
import { readContent } from "../tree/content.js";
import { readDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry, FileEntry, TreeEntry } from "../tree/entry.js";
import { Materializer } from "./materialize.js";
import type { Owners } from "./owners.js";
import { countTree, removeTree } from "./remove.js";
import { joinPath, type Work } from "./work.js";

export interface RestoreTreeOptions {
  owners: Owners;
  work: Work;
  delete: boolean;
  dryRun: boolean;
  /** Null: everything. Else only these paths with what is below them. */
  paths: Buffer[] | null;
}

export interface RestoreCounts {
  created: number;
  changed: number;
  deleted: number;
  unchanged: number;
  writtenBytes: number;
}

export function restoreTree(
  files: Files,
  source: ObjectSource,
  root: DirectoryTreeEntry,
  target: Fd,
  options: RestoreTreeOptions,
): RestoreCounts {
  return new Restorer(files, source, target, options).run(root);
}

type Selection = "all" | "some" | "none";

class Restorer {
  readonly #files: Files;
  readonly #source: ObjectSource;
  readonly #target: Fd;
  readonly #options: RestoreTreeOptions;
  readonly #materializer: Materializer;
  readonly #counts: RestoreCounts = { created: 0, changed: 0, deleted: 0, unchanged: 0, writtenBytes: 0 };

  constructor(files: Files, source: ObjectSource, target: Fd, options: RestoreTreeOptions) {
    this.#files = files;
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#materializer = new Materializer(files, source, target, options);
  }

  run(root: DirectoryTreeEntry): RestoreCounts {
    const path = Buffer.alloc(0);
    this.#children(this.#target, root, path);
    if (!this.#options.dryRun && this.#selection(path) === "all") {
      this.#materializer.directoryMetadata(this.#target, root, path);
    }
    this.#counts.created += this.#materializer.created;
    this.#counts.writtenBytes = this.#materializer.writtenBytes;
    return this.#counts;
  }

  #children(directory: Fd, entry: DirectoryTreeEntry, path: Buffer): void {
    const wanted = readDirectory(this.#source, entry.id);
    if (this.#options.delete) {
      const names = new Set(wanted.map((child) => child.name.toString("latin1")));
      for (const { name } of this.#files.list(directory)) {
        if (names.has(name.toString("latin1"))) continue;
        if (this.#selection(joinPath(path, name)) === "all") this.#delete(directory, name);
      }
    }
    for (const child of wanted) this.#entry(directory, child, joinPath(path, child.name));
  }

  #entry(directory: Fd, entry: TreeEntry, path: Buffer): void {
    const selection = this.#selection(path);
    if (selection === "none") return;
    this.#options.work.step();
    const present = this.#stat(directory, entry.name);
    if (entry.type === "directory") {
      this.#directory(directory, entry, path, present, selection);
      return;
    }
    if (selection !== "all") return;
    if (present !== null && this.#isUpToDate(directory, entry, present)) {
      this.#counts.unchanged += 1;
      this.#materializer.rememberLink(directory, entry, path);
      return;
    }
    if (this.#options.dryRun) {
      this.#counts[present === null ? "created" : "changed"] += 1;
      return;
    }
    if (present !== null) {
      this.#replace(directory, entry, path);
      return;
    }
    this.#materializer.create(directory, entry, path);
  }

  /** What is created in the place of something is counted as changed, not as created. */
  #replace(directory: Fd, entry: TreeEntry, path: Buffer): void {
    removeTree(this.#files, directory, entry.name);
    const createdBefore = this.#materializer.created;
    this.#materializer.create(directory, entry, path);
    this.#counts.changed += 1;
    if (this.#materializer.created > createdBefore) this.#counts.created -= 1;
  }

  #directory(
    directory: Fd,
    entry: DirectoryTreeEntry,
    path: Buffer,
    present: Stat | null,
    selection: Selection,
  ): void {
    if (present?.type === "directory") {
      this.#presentDirectory(directory, entry, path, present, selection);
      return;
    }
    if (selection !== "all") {
      if (present === null) this.#directoryOnTheWay(directory, entry, path);
      else
        this.#options.work.problem(
          path,
          "path_blocked",
          `a ${present.type} stands where a directory has to be`,
        );
      return;
    }
    if (this.#options.dryRun) {
      this.#counts[present === null ? "created" : "changed"] += 1;
      this.#counts.created += entry.sums.files + entry.sums.directories;
      return;
    }
    if (present !== null) this.#replace(directory, entry, path);
    else this.#materializer.create(directory, entry, path);
  }

  #presentDirectory(
    directory: Fd,
    entry: DirectoryTreeEntry,
    path: Buffer,
    present: Stat,
    selection: Selection,
  ): void {
    const { dryRun, owners } = this.#options;
    // Without privilege, a directory that its owner may not write is opened to him until its metadata is set.
    const opened = !dryRun && (present.mode & 0o700) !== 0o700;
    if (opened) this.#files.setMode(directory, entry.name, present.mode | 0o700);
    const child = this.#files.open(directory, entry.name, { directory: true });
    try {
      this.#children(child, entry, path);
      if (selection !== "all") {
        if (opened) this.#files.setMode(child, ".", present.mode);
        return;
      }
      const sameXattrs = this.#sameXattrs(child, ".", entry);
      // What counts is the state that was met; what was done below may have moved the time, which is then put back.
      this.#counts[sameXattrs && sameMetadata(entry, present, owners) ? "unchanged" : "changed"] += 1;
      if (dryRun || (sameXattrs && sameMetadata(entry, this.#files.statOpen(child), owners))) return;
      this.#materializer.directoryMetadata(child, entry, path);
    } finally {
      this.#files.close(child);
    }
  }

  /** A missing directory above a wanted path is made, with what the tree says of it. */
  #directoryOnTheWay(directory: Fd, entry: DirectoryTreeEntry, path: Buffer): void {
    this.#counts.created += 1;
    if (this.#options.dryRun) {
      this.#countSelected(entry, path);
      return;
    }
    this.#files.makeDirectory(directory, entry.name, 0o700);
    const child = this.#files.open(directory, entry.name, { directory: true });
    try {
      this.#children(child, entry, path);
      this.#materializer.directoryMetadata(child, entry, path);
    } finally {
      this.#files.close(child);
    }
  }

  /** Counts as created what is selected below a directory that is missing. */
  #countSelected(entry: DirectoryTreeEntry, path: Buffer): void {
    for (const child of readDirectory(this.#source, entry.id)) {
      const childPath = joinPath(path, child.name);
      const selection = this.#selection(childPath);
      if (selection === "none" || (selection === "some" && child.type !== "directory")) continue;
      this.#counts.created += 1;
      if (child.type !== "directory") continue;
      if (selection === "some") this.#countSelected(child, childPath);
      else this.#counts.created += child.sums.files + child.sums.directories;
    }
  }

  #delete(directory: Fd, name: Buffer): void {
    this.#counts.deleted += this.#options.dryRun
      ? countTree(this.#files, directory, name)
      : removeTree(this.#files, directory, name);
  }

  #isUpToDate(directory: Fd, entry: TreeEntry, present: Stat): boolean {
    try {
      return this.#isSame(directory, entry, present);
    } catch (error) {
      // What may not be looked into, or was replaced meanwhile, is made anew.
      if (!isErrno(error, "EACCES", "EPERM", "ENOENT", "ELOOP", "ENXIO", "EINVAL", "ESPIPE")) throw error;
      return false;
    }
  }

  #isSame(directory: Fd, entry: TreeEntry, present: Stat): boolean {
    if (present.type !== entry.type || !sameMetadata(entry, present, this.#options.owners)) return false;
    const firstInode = this.#materializer.inodeOfGroup(entry);
    if (firstInode !== null && firstInode !== present.inode) return false;
    if (firstInode === null && this.#materializer.isLinkOfOthers(present.inode)) return false;
    if (entry.linkGroup === null && present.links > 1) return false;
    if (!this.#sameXattrs(directory, entry.name, entry)) return false;
    switch (entry.type) {
      case "file":
        return present.sizeBytes === entry.sizeBytes && this.#sameContent(directory, entry);
      case "symlink":
        return this.#files.readSymlink(directory, entry.name).equals(entry.target);
      case "directory":
        return true;
      default:
        return entry.type === "fifo" || entry.type === "socket" || sameDevice(entry, present);
    }
  }

  #sameXattrs(directory: Fd, name: Buffer | string, entry: TreeEntry): boolean {
    const names = this.#files.xattrNames(directory, name);
    if (names.length !== entry.xattrs.length) return false;
    return entry.xattrs.every(
      (xattr) => this.#files.xattr(directory, name, xattr.name)?.equals(xattr.value) === true,
    );
  }

  /** Compares by content, because a modification time can be set to anything. */
  #sameContent(directory: Fd, entry: FileEntry): boolean {
    const fd = this.#files.open(directory, entry.name);
    try {
      let at = 0;
      for (const item of readContent(this.#source, entry.content, entry.sizeBytes)) {
        if (item.kind === "hole") {
          if (this.#files.seek(fd, "data", at) < at + item.length) return false;
        } else {
          const bytes = Buffer.allocUnsafe(item.length);
          if (this.#files.read(fd, bytes, at) !== item.length || !hash(bytes).equals(item.id)) return false;
        }
        at += item.length;
      }
      return true;
    } finally {
      this.#files.close(fd);
    }
  }

  #stat(directory: Fd, name: Buffer): Stat | null {
    try {
      return this.#files.stat(directory, name);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return null;
      throw error;
    }
  }

  #selection(path: Buffer): Selection {
    if (this.#options.paths === null) return "all";
    let some: Selection = "none";
    for (const wanted of this.#options.paths) {
      if (isWithin(path, wanted)) return "all";
      if (isWithin(wanted, path)) some = "some";
    }
    return some;
  }
}

/** True when `path` is `parent` or below it. */
function isWithin(path: Buffer, parent: Buffer): boolean {
  if (parent.length === 0) return true;
  if (!path.subarray(0, parent.length).equals(parent)) return false;
  return path.length === parent.length || path[parent.length] === 0x2f;
}

function sameDevice(entry: { major: number; minor: number }, present: Stat): boolean {
  return entry.major === present.major && entry.minor === present.minor;
}

function sameMetadata(entry: TreeEntry, present: Stat, owners: Owners): boolean {
  const owner = owners.toHost(entry);
  return (
    (entry.type === "symlink" || entry.mode === present.mode) &&
    owner.uid === present.uid &&
    owner.gid === present.gid &&
    entry.mtimeSeconds === present.mtimeSeconds &&
    entry.mtimeNanoseconds === present.mtimeNanoseconds
  );
}
