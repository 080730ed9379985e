/** Whether what stands on disk is what a tree says. */
import { hash } from "../chunk/hash.js";
import { chunkBytesMax } from "../limits.js";
import type { ObjectSource } from "../pack/chunks.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";
import { readContent } from "../tree/content.js";
import type { DirectoryTreeEntry, FileEntry, TreeEntry } from "../tree/entry.js";
import { sameState } from "../tree/same.js";
import type { Known } from "./known.js";
import type { LinkTargets } from "./link-targets.js";
import type { Owners } from "./owners.js";
import type { PreviousWalk } from "./stat-cache.js";

const here = Buffer.from(".");
const scratch = Buffer.allocUnsafe(chunkBytesMax);

export class Comparison {
  readonly #files: Files;
  readonly #source: ObjectSource;
  readonly #links: LinkTargets;
  readonly #owners: Owners;
  readonly #previous: PreviousWalk | null;

  constructor(
    files: Files,
    source: ObjectSource,
    links: LinkTargets,
    { owners, previous }: { owners: Owners; previous?: PreviousWalk | null },
  ) {
    this.#files = files;
    this.#source = source;
    this.#links = links;
    this.#owners = owners;
    this.#previous = previous ?? null;
  }

  /** Of an entry that is not a directory. `known`: what the last walk found under this name. */
  isUpToDate(directory: Fd, entry: TreeEntry, present: Stat, known: Known | null): boolean {
    if (present.type !== entry.type || !this.hasMetadata(entry, present)) return false;
    if (!this.#hasLinks(entry, present)) return false;
    if (entry.type === "file" && present.sizeBytes !== entry.sizeBytes) return false;
    if (known !== null && this.#isAsKnown(present, known)) return sameState(known.entry, entry);
    try {
      if (entry.type === "file") return this.#isFileUpToDate(directory, entry);
      const names = this.#files.xattrNames(directory, entry.name);
      return this.#sameXattrs(names, directory, entry) && this.#hasContent(directory, entry, present);
    } catch (error) {
      // What may not be looked into, or was replaced meanwhile, is made anew.
      if (!isErrno(error, "EACCES", "EPERM", "ENOENT", "ELOOP", "ENXIO", "EINVAL", "ESPIPE")) throw error;
      return false;
    }
  }

  /** Mode, owner and modification time. */
  hasMetadata(entry: TreeEntry, present: Stat): boolean {
    const owner = this.#owners.toHost(entry);
    return (
      (entry.type === "symlink" || entry.mode === present.mode) &&
      owner.uid === present.uid &&
      owner.gid === present.gid &&
      entry.mtimeSeconds === present.mtimeSeconds &&
      entry.mtimeNanoseconds === present.mtimeNanoseconds
    );
  }

  isDirectoryUpToDate(directory: Fd, entry: DirectoryTreeEntry): boolean {
    return this.hasMetadata(entry, this.#files.statOpen(directory)) && this.hasXattrsOfOpen(directory, entry);
  }

  hasXattrsOfOpen(directory: Fd, entry: DirectoryTreeEntry): boolean {
    const names = this.#files.xattrNamesOpen(directory);
    return this.#sameXattrs(names, directory, { name: here, xattrs: entry.xattrs });
  }

  /** True when nothing about the file can have changed since the last walk: its change time would have moved. */
  #isAsKnown(present: Stat, { entry, row }: Known): boolean {
    return (
      this.#previous?.walk.matches(row, present) === true &&
      entry.type === present.type &&
      entry.mtimeSeconds === present.mtimeSeconds &&
      entry.mtimeNanoseconds === present.mtimeNanoseconds &&
      (entry.type !== "file" || entry.sizeBytes === present.sizeBytes)
    );
  }

  #hasLinks(entry: TreeEntry, present: Stat): boolean {
    if (entry.linkGroup === null) return present.links === 1;
    const first = this.#links.inodeOf(entry);
    return first === null ? !this.#links.has(present.inode) : first === present.inode;
  }

  #hasContent(directory: Fd, entry: TreeEntry, present: Stat): boolean {
    switch (entry.type) {
      case "symlink":
        return this.#files.readSymlink(directory, entry.name).equals(entry.target);
      case "character":
      case "block":
        return entry.major === present.major && entry.minor === present.minor;
      default:
        return true;
    }
  }

  #sameXattrs(names: Buffer[], directory: Fd, { name, xattrs }: Pick<TreeEntry, "name" | "xattrs">): boolean {
    if (names.length !== xattrs.length) return false;
    return xattrs.every((xattr) => {
      return this.#files.xattr(directory, name, xattr.name)?.equals(xattr.value) === true;
    });
  }

  #isFileUpToDate(directory: Fd, entry: FileEntry): boolean {
    const fd = this.#files.open(directory, entry.name);
    try {
      const names = this.#files.xattrNamesOpen(fd);
      return this.#sameXattrs(names, directory, entry) && this.#hasBytes(fd, entry);
    } finally {
      this.#files.close(fd);
    }
  }

  /** Compares by content, because a modification time can be set to anything. */
  #hasBytes(fd: Fd, entry: FileEntry): boolean {
    let at = 0;
    for (const item of readContent(this.#source, entry.content, entry.sizeBytes)) {
      if (item.kind === "hole") {
        if (this.#files.seek(fd, "data", at) < at + item.length) return false;
      } else {
        const bytes = scratch.subarray(0, item.length);
        if (this.#files.read(fd, bytes, at) !== item.length || !hash(bytes).equals(item.id)) return false;
      }
      at += item.length;
    }
    return true;
  }
}
