/**
 * Makes entries of a tree real: creates files, directories, links and nodes with all their metadata, relative to open
 * directories and never through a symlink. What the present rights do not allow is reported as a problem.
 */
import { ByteWriter } from "../bytes.js";
import { StoreError } from "../errors.js";
import type { ObjectSource } from "../pack/chunks.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";
import { readContent } from "../tree/content.js";
import { readDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry, FileEntry, TreeEntry, Xattr } from "../tree/entry.js";
import { encodeEntry } from "../tree/node.js";
import type { Owners } from "./owners.js";
import { joinPath, type Work } from "./work.js";

export interface MaterializeOptions {
  owners: Owners;
  work: Work;
  /** What an attribute is called on disk. Default: as in the tree. */
  attributeOnDisk?: (name: Buffer) => Buffer;
  /** False for nodes that would mean something else where they are made. Default: all may be made. */
  mayMakeNode?: (entry: TreeEntry) => boolean;
}

type Owner = Pick<Stat, "uid" | "gid">;

/** What metadata is set on: a name in a directory, and where it is open, the descriptor, which is quicker. */
interface Target {
  directory: Fd;
  name: Buffer;
  open: Fd | null;
}

const here = Buffer.from(".");
const defaultAcl = Buffer.from("system.posix_acl_default");

export class Materializer {
  writtenBytes = 0;
  created = 0;
  readonly #files: Files;
  readonly #source: ObjectSource;
  readonly #root: Fd;
  readonly #options: MaterializeOptions;
  /** Where the first link of each group was made, and the inode that it must still be. */
  readonly #links = new Map<string, { path: Buffer; inode: bigint }>();
  readonly #linkInodes = new Set<bigint>();
  /** Of what is made in a plain directory. */
  #ownOwner: Owner | null = null;

  /** Paths that are given to the calls are relative to `root`. */
  constructor(files: Files, source: ObjectSource, root: Fd, options: MaterializeOptions) {
    this.#files = files;
    this.#source = source;
    this.#root = root;
    this.#options = options;
  }

  /**
   * Creates an entry, with all that is below a directory. The name must be free. `plain`: the directory was made here and
   * gives what is made in it neither attributes nor a group, so that these need not be asked for.
   */
  create(directory: Fd, entry: TreeEntry, path: Buffer, plain = false): void {
    this.#options.work.step();
    const { name } = entry;
    switch (entry.type) {
      case "directory": {
        this.#files.makeDirectory(directory, name, 0o700);
        this.created += 1;
        const child = this.#files.open(directory, name, { directory: true });
        try {
          const childIsPlain = isPlain(this.#files, child);
          for (const below of readDirectory(this.#source, entry.id)) {
            this.create(child, below, joinPath(path, below.name), childIsPlain);
          }
          this.directoryMetadata(child, entry, path);
        } finally {
          this.#files.close(child);
        }
        return;
      }
      case "file":
        if (this.#linkToFirst(directory, entry, path)) return;
        this.#createFile(directory, entry, path, plain);
        break;
      case "symlink":
        if (this.#linkToFirst(directory, entry, path)) return;
        this.#files.makeSymlink(entry.target, directory, name);
        break;
      default:
        if (this.#linkToFirst(directory, entry, path)) return;
        if (!this.#createNode(directory, entry, path)) return;
    }
    this.created += 1;
    this.#options.work.progress.files += 1;
    if (entry.type !== "file") {
      const present = this.#present(plain, () => this.#files.stat(directory, name));
      this.#apply({ directory, name, open: null }, entry, present, path, plain);
    }
    this.rememberLink(directory, entry, path);
  }

  /** Sets everything but the name, on an entry that is not a directory. The times come last. */
  metadata(directory: Fd, entry: TreeEntry, path: Buffer): void {
    const { name } = entry;
    this.#apply({ directory, name, open: null }, entry, this.#files.stat(directory, name), path);
  }

  /** Sets mode, owner, attributes and times of an open directory, after everything below it is done. */
  directoryMetadata(directory: Fd, entry: DirectoryTreeEntry, path: Buffer): void {
    this.#apply({ directory, name: here, open: directory }, entry, this.#files.statOpen(directory), path);
  }

  /** Makes an existing file known as the first link of its group, so that others can be linked to it. */
  rememberLink(directory: Fd, entry: TreeEntry, path: Buffer): void {
    const key = linkKey(entry);
    if (key === null || this.#links.has(key)) return;
    const { inode } = this.#files.stat(directory, entry.name);
    this.#links.set(key, { path, inode });
    this.#linkInodes.add(inode);
  }

  /** True when the inode already stands for a group that was met. */
  isLinkOfOthers(inode: bigint): boolean {
    return this.#linkInodes.has(inode);
  }

  /** The inode that an entry's group has on disk, or null when none was met yet. */
  inodeOfGroup(entry: TreeEntry): bigint | null {
    const key = linkKey(entry);
    return key === null ? null : (this.#links.get(key)?.inode ?? null);
  }

  #linkToFirst(directory: Fd, entry: TreeEntry, path: Buffer): boolean {
    const key = linkKey(entry);
    const first = key === null ? undefined : this.#links.get(key);
    if (first === undefined) return false;
    if (!this.#link(first, directory, entry.name)) {
      this.#options.work.problem(path, "link_not_restored", "hard link became a copy");
      return false;
    }
    this.created += 1;
    this.#options.work.progress.files += 1;
    return true;
  }

  /** False when the first link is no longer there, or may not be reached or linked to. */
  #link(first: { path: Buffer; inode: bigint }, directory: Fd, name: Buffer): boolean {
    const at = first.path.lastIndexOf(0x2f);
    const firstName = first.path.subarray(at + 1);
    let parent: Fd | null = null;
    try {
      parent = openPath(this.#files, this.#root, at < 0 ? Buffer.alloc(0) : first.path.subarray(0, at));
      if (this.#files.stat(parent, firstName).inode !== first.inode) return false;
      this.#files.link(parent, firstName, directory, name);
      return true;
    } catch (error) {
      if (!isErrno(error, "ENOENT", "EMLINK", "ENOTDIR", "ELOOP", "EACCES", "EPERM", "EXDEV")) throw error;
      return false;
    } finally {
      if (parent !== null) this.#files.close(parent);
    }
  }

  /** What belongs to a new entry: asked for once, where it is the same for all. */
  #present(plain: boolean, ask: () => Stat): Owner {
    if (!plain) return ask();
    this.#ownOwner ??= ask();
    return this.#ownOwner;
  }

  #createFile(directory: Fd, entry: FileEntry, path: Buffer, plain: boolean): void {
    const fd = this.#files.open(directory, entry.name, { access: "create" });
    try {
      let at = 0;
      for (const item of readContent(this.#source, entry.content, entry.sizeBytes)) {
        if (item.kind === "chunk") {
          const bytes = this.#source.get(item.id);
          if (bytes.length !== item.length)
            throw new StoreError("corrupt", "chunk has another length than its list says");
          this.#files.write(fd, bytes, at);
          this.writtenBytes += bytes.length;
          this.#options.work.addBytes(bytes.length);
        }
        at += item.length;
      }
      // A hole at the end has nothing to write, only a length.
      if (entry.content !== null && entry.content.depth > 0) this.#files.truncate(fd, entry.sizeBytes);
      const present = this.#present(plain, () => this.#files.statOpen(fd));
      this.#apply({ directory, name: entry.name, open: fd }, entry, present, path, plain);
    } finally {
      this.#files.close(fd);
    }
  }

  #createNode(directory: Fd, entry: Extract<TreeEntry, { major: number }>, path: Buffer): boolean {
    if (this.#options.mayMakeNode?.(entry) === false) {
      this.#options.work.problem(path, "node_not_restored", `a ${entry.type} node cannot stand here`);
      return false;
    }
    try {
      this.#files.makeNode(directory, entry.name, { ...entry, mode: 0o600 });
      return true;
    } catch (error) {
      if (!isErrno(error, "EPERM", "EACCES", "EINVAL")) throw error;
      this.#options.work.problem(path, "node_not_restored", `no permission to make a ${entry.type} node`);
      return false;
    }
  }

  /**
   * Owner first, because changing it clears setuid; then attributes, mode, and times last. `bare`: it is sure to have no
   * attributes yet.
   */
  #apply(target: Target, entry: TreeEntry, present: Owner, path: Buffer, bare = false): void {
    const files = this.#files;
    const { work } = this.#options;
    const [fd, name] = target.open === null ? [target.directory, target.name] : [target.open, null];
    const owner = this.#options.owners.toHost(entry);
    let ownerIsRight = owner.uid === present.uid && owner.gid === present.gid;
    if (!ownerIsRight) {
      try {
        files.setOwner(fd, name, owner.uid, owner.gid);
        ownerIsRight = true;
      } catch (error) {
        if (!isErrno(error, "EPERM", "EINVAL")) throw error;
        work.problem(path, "owner_not_restored", `no permission to give it to ${owner.uid}:${owner.gid}`);
      }
    }
    if (!bare || entry.xattrs.length > 0) this.#applyXattrs(target, entry.xattrs, path);
    if (entry.type !== "symlink") {
      // A setuid bit must not end up on a file of the wrong owner.
      const mode = ownerIsRight ? entry.mode : entry.mode & 0o1777;
      files.setMode(fd, name, mode);
    }
    files.setModified(fd, name, entry.mtimeSeconds, entry.mtimeNanoseconds);
  }

  #applyXattrs({ directory, name }: Target, wanted: Xattr[], path: Buffer): void {
    const files = this.#files;
    const rename = this.#options.attributeOnDisk ?? ((attribute: Buffer) => attribute);
    const targets = new Map(wanted.map((xattr) => [rename(xattr.name).toString("latin1"), xattr.value]));
    const attempt = (attribute: Buffer, run: () => void): void => {
      try {
        run();
      } catch (error) {
        if (
          !isErrno(error, "EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOSPC", "ERANGE", "E2BIG")
        )
          throw error;
        this.#options.work.problem(
          path,
          "xattr_not_restored",
          `attribute ${attribute.toString("utf8")} cannot be set here`,
        );
      }
    };
    for (const attribute of files.xattrNames(directory, name)) {
      const value = targets.get(attribute.toString("latin1"));
      if (value === undefined) {
        // The kernel's own labels are not ours to remove.
        if (!attribute.subarray(0, 9).equals(Buffer.from("security."))) {
          attempt(attribute, () => files.removeXattr(directory, name, attribute));
        }
      } else if (files.xattr(directory, name, attribute)?.equals(value) === true) {
        targets.delete(attribute.toString("latin1"));
      }
    }
    for (const [attribute, value] of targets) {
      const bytes = Buffer.from(attribute, "latin1");
      attempt(bytes, () => files.setXattr(directory, name, bytes, value));
    }
  }
}

/** True for a directory that hands down neither an access list nor its group. */
function isPlain(files: Files, directory: Fd): boolean {
  if ((files.statOpen(directory).mode & 0o2000) !== 0) return false;
  return !files.xattrNamesOpen(directory).some((attribute) => attribute.equals(defaultAcl));
}

/** Entries of one group that also agree in everything else are one file; null for an entry without other links. */
export function linkKey(entry: TreeEntry): string | null {
  if (entry.linkGroup === null) return null;
  const out = new ByteWriter(256);
  encodeEntry(out, { ...entry, name: Buffer.alloc(0) });
  return out.finish().toString("latin1");
}

/** Opens the directory at a path, one component after the other, so that no symlink is followed. */
export function openPath(files: Files, root: Fd, path: Uint8Array): Fd {
  let fd = files.open(root, ".", { directory: true });
  const components = path.length === 0 ? [] : Buffer.from(path).toString("latin1").split("/");
  for (const component of components) {
    try {
      const next = files.open(fd, Buffer.from(component, "latin1"), { directory: true });
      files.close(fd);
      fd = next;
    } catch (error) {
      files.close(fd);
      throw error;
    }
  }
  return fd;
}
