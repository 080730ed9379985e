/**
 * Walks a directory and stores it as a tree. Every step is relative to an open directory and follows no symlink. With
 * `overlay`, the directory is the upper of an overlay mount, and what it says is merged into the tree of what is below:
 * a device 0:0 removes a name, a directory marked opaque hides what was there, and all else adds or replaces.
 */
import { hash, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { treeDepthMax, xattrsBytesMax } from "../limits.js";
import type { ObjectWriter } from "../pack/chunks.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";
import { writeContent } from "../tree/content.js";
import { readDirectory, writeDirectory, writeRoot } from "../tree/directory.js";
import { linkGroupBytes, type DirectoryTreeEntry, type TreeEntry, type Xattr } from "../tree/entry.js";
import { ingestFile } from "./ingest.js";
import { dropLonelyGroups, type LinkedFile } from "./links.js";
import { isOpaque, isWhiteout, overlayAttributeToTree } from "./overlay-marks.js";
import type { Owners } from "./owners.js";
import { joinPath, type Work } from "./work.js";

export interface ScanOptions {
  owners: Owners;
  work: Work;
  /** The tree below an overlay upper. Null with `overlay`: nothing is below. */
  base?: DirectoryTreeEntry | null;
  overlay?: boolean;
  /** True for paths to leave out. */
  isExcluded?: (path: Buffer, isDirectory: boolean) => boolean;
}

/** A file that changes while it is read is read again this often. */
const readAttemptsMax = 3;

export interface ScanResult {
  tree: Digest;
  root: DirectoryTreeEntry;
}

/** Stores the tree under an open directory. Nothing is durable before the writer's `commit`. */
export function scan(files: Files, writer: ObjectWriter, directory: Fd, options: ScanOptions): ScanResult {
  const scanner = new Scanner(files, writer, options);
  const root = scanner.root(directory);
  return { tree: writeRoot(writer, root), root };
}

class Scanner {
  readonly #files: Files;
  readonly #writer: ObjectWriter;
  readonly #options: ScanOptions;
  readonly #work: Work;
  readonly #linked = new Map<string, LinkedFile>();

  constructor(files: Files, writer: ObjectWriter, options: ScanOptions) {
    this.#files = files;
    this.#writer = writer;
    this.#options = options;
    this.#work = options.work;
  }

  root(directory: Fd): DirectoryTreeEntry {
    const stat = this.#files.statOpen(directory);
    if (stat.type !== "directory") throw new StoreError("invalid_argument", "source is not a directory");
    const path = Buffer.alloc(0);
    const root = this.#directoryEntry(directory, path, path, stat, this.#options.base ?? null, 0);
    const lonely = [...this.#linked.values()].filter((file) => file.seen === 1);
    return lonely.length === 0 ? root : dropLonelyGroups(this.#writer, root, lonely);
  }

  #directoryEntry(
    directory: Fd,
    name: Buffer,
    path: Buffer,
    stat: Stat,
    base: TreeEntry | null,
    depth: number,
  ): DirectoryTreeEntry {
    const merged =
      base?.type === "directory" && !(this.#options.overlay === true && isOpaque(this.#files, directory));
    const below = merged ? readDirectory(this.#writer, base.id) : [];
    const entries = this.#entries(directory, path, below, depth);
    return {
      type: "directory",
      ...this.#metadata(name, stat, path, () => this.#files.xattrNamesOpen(directory), directory, "."),
      linkGroup: null,
      ...writeDirectory(this.#writer, entries),
    };
  }

  #entries(directory: Fd, path: Buffer, below: TreeEntry[], depth: number): TreeEntry[] {
    if (depth > treeDepthMax) {
      throw new StoreError("too_large", `directories are nested deeper than ${treeDepthMax}`);
    }
    const listed = this.#files.list(directory).map((entry) => entry.name);
    listed.sort((a, b) => a.compare(b));
    const entries: TreeEntry[] = [];
    let next = 0;
    for (const name of listed) {
      while (next < below.length && (below[next] as TreeEntry).name.compare(name) < 0) {
        entries.push(below[next++] as TreeEntry);
      }
      const candidate = below[next];
      const base = candidate?.name.equals(name) === true ? candidate : null;
      if (base !== null) next += 1;
      const entry = this.#entry(directory, name, joinPath(path, name), base, depth);
      if (entry !== null) entries.push(entry);
    }
    while (next < below.length) entries.push(below[next++] as TreeEntry);
    return entries;
  }

  /** Null for what is removed, excluded, or cannot be stored; the last of these is reported. */
  #entry(directory: Fd, name: Buffer, path: Buffer, base: TreeEntry | null, depth: number): TreeEntry | null {
    this.#work.step();
    try {
      const stat = this.#files.stat(directory, name);
      if (this.#options.overlay === true && isWhiteout(stat)) return null;
      if (this.#options.isExcluded?.(path, stat.type === "directory") === true) return null;
      return this.#typedEntry(directory, name, path, stat, base, depth);
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        this.#work.problem(path, "vanished", "was removed while the snapshot was taken");
        return null;
      }
      if (isErrno(error, "EACCES", "EPERM")) {
        this.#work.problem(path, "permission_denied", (error as StoreError).message);
        return null;
      }
      throw error;
    }
  }

  #typedEntry(
    directory: Fd,
    name: Buffer,
    path: Buffer,
    stat: Stat,
    base: TreeEntry | null,
    depth: number,
  ): TreeEntry {
    const files = this.#files;
    if (stat.type === "file") return this.#fileEntry(directory, name, path);
    if (stat.type === "directory") {
      const child = files.open(directory, name, { directory: true });
      try {
        return this.#directoryEntry(child, name, path, files.statOpen(child), base, depth + 1);
      } finally {
        files.close(child);
      }
    }
    this.#work.progress.files += 1;
    const metadata = this.#metadata(
      name,
      stat,
      path,
      () => files.xattrNames(directory, name),
      directory,
      name,
    );
    const linkGroup = this.#linkGroup(stat, path);
    if (stat.type === "symlink") {
      return { type: "symlink", ...metadata, linkGroup, target: files.readSymlink(directory, name) };
    }
    const { major, minor } =
      stat.type === "character" || stat.type === "block" ? stat : { major: 0, minor: 0 };
    return { type: stat.type, ...metadata, linkGroup, major, minor };
  }

  #fileEntry(directory: Fd, name: Buffer, path: Buffer): TreeEntry {
    const files = this.#files;
    for (let attempt = 1; ; attempt++) {
      const fd = files.open(directory, name);
      try {
        const before = files.statOpen(fd);
        if (before.type !== "file")
          throw new StoreError("io_error", "type changed", { data: { errno: "ENOENT" } });
        const segments = ingestFile(files, this.#writer, fd, before, (count) => {
          this.#work.progress.bytes += count;
        });
        const metadata = this.#metadata(name, before, path, () => files.xattrNamesOpen(fd), directory, name);
        const after = files.statOpen(fd);
        const sizeBytes = segments.reduce((total, item) => total + item.length, 0);
        const changed = !sameVersion(before, after) || sizeBytes !== before.sizeBytes;
        if (changed && attempt < readAttemptsMax) continue;
        if (changed) {
          this.#work.problem(path, "changed_while_read", `changed during each of ${readAttemptsMax} reads`);
        }
        this.#work.progress.files += 1;
        this.#work.progress.deduplicatedBytes = this.#writer.deduplicatedBytes;
        const content = writeContent(this.#writer, segments);
        return { type: "file", ...metadata, linkGroup: this.#linkGroup(before, path), sizeBytes, content };
      } finally {
        files.close(fd);
      }
    }
  }

  #metadata(
    name: Buffer,
    stat: Stat,
    path: Buffer,
    listXattrs: () => Buffer[],
    directory: Fd,
    nameInDirectory: Buffer | string,
  ) {
    const owner = this.#options.owners.toTree(stat);
    return {
      name,
      mode: stat.mode,
      uid: owner.uid,
      gid: owner.gid,
      mtimeSeconds: stat.mtimeSeconds,
      mtimeNanoseconds: stat.mtimeNanoseconds,
      xattrs: this.#xattrs(listXattrs(), path, directory, nameInDirectory),
    };
  }

  #xattrs(names: Buffer[], path: Buffer, directory: Fd, nameInDirectory: Buffer | string): Xattr[] {
    const xattrs: Xattr[] = [];
    let total = 0;
    for (const attribute of names) {
      const name = this.#options.overlay === true ? overlayAttributeToTree(attribute) : attribute;
      if (name === null) continue;
      let value: Buffer | null;
      try {
        value = this.#files.xattr(directory, nameInDirectory, attribute);
      } catch (error) {
        if (!isErrno(error, "EACCES", "EPERM")) throw error;
        this.#work.problem(path, "xattr_not_stored", `no permission to read ${attribute.toString("utf8")}`);
        continue;
      }
      if (value === null) continue;
      total += name.length + value.length;
      if (total > xattrsBytesMax) {
        this.#work.problem(path, "xattr_not_stored", `more than ${xattrsBytesMax} bytes of xattrs`);
        break;
      }
      xattrs.push({ name, value });
    }
    return xattrs.sort((a, b) => a.name.compare(b.name));
  }

  /**
   * The group is named after the first path in walk order, and the file's state, so that it says the same everywhere.
   * Above a base, the base is part of the name: links in an upper are never links to files of the layers below.
   */
  #linkGroup(stat: Stat, path: Buffer): Buffer | null {
    if (stat.links < 2) return null;
    const key = `${stat.device}:${stat.inode}`;
    const known = this.#linked.get(key);
    if (known !== undefined) {
      known.seen += 1;
      return known.group;
    }
    const base = this.#options.base?.id.toString("hex") ?? "";
    const state = `\0${stat.sizeBytes} ${stat.mtimeSeconds} ${stat.mtimeNanoseconds} ${base}`.trimEnd();
    const group = hash(Buffer.concat([path, Buffer.from(state)])).subarray(0, linkGroupBytes);
    this.#linked.set(key, { group, path, seen: 1 });
    return group;
  }
}

/** Any write moves the ctime; the size and mtime are asked too because ctime has the clock's granularity only. */
function sameVersion(a: Stat, b: Stat): boolean {
  return (
    a.sizeBytes === b.sizeBytes &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.mtimeNanoseconds === b.mtimeNanoseconds &&
    a.ctimeSeconds === b.ctimeSeconds &&
    a.ctimeNanoseconds === b.ctimeNanoseconds &&
    a.inode === b.inode
  );
}
