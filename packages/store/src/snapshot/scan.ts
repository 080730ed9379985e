/**
 * Walks a directory and stores it as a tree. Every step is relative to an open directory and follows no symlink. With
 * `overlay`, the directory is the upper of an overlay mount, and what it says is merged into the tree of what is below:
 * a device 0:0 removes a name, a directory marked opaque hides what was there, and all else adds or replaces.
 */
import { hash, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { treeDepthMax, xattrsBytesMax } from "../limits.js";
import type { ObjectWriter } from "../pack/chunks.js";
import { isErrno, type DirectoryEntry, type Fd, type Files, type Stat } from "../platform/files.js";
import { writeContent } from "../tree/content.js";
import { readDirectory, writeDirectory, writeRoot } from "../tree/directory.js";
import { linkGroupBytes, type DirectoryTreeEntry, type TreeEntry, type Xattr } from "../tree/entry.js";
import { dropLonelyGroups, type LinkedFile } from "./links.js";
import { isOpaque, isWhiteout, overlayAttributeToTree } from "./overlay-marks.js";
import type { Owners } from "./owners.js";
import { pathOf, rootPlace, type Place } from "./place.js";
import { FileReader, readAttemptsMax } from "./read-file.js";
import type { Work } from "./work.js";

export interface ScanOptions {
  owners: Owners;
  work: Work;
  /** The tree below an overlay upper. Null with `overlay`: nothing is below. */
  base?: DirectoryTreeEntry | null;
  overlay?: boolean;
  /** True for paths to leave out. */
  isExcluded?: (path: Buffer, isDirectory: boolean) => boolean;
}

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
  readonly #reader: FileReader;
  readonly #linked = new Map<string, LinkedFile>();

  constructor(files: Files, writer: ObjectWriter, options: ScanOptions) {
    this.#files = files;
    this.#writer = writer;
    this.#options = options;
    this.#work = options.work;
    this.#reader = new FileReader(files, writer, Date.now(), (count) => {
      this.#work.progress.bytes += count;
    });
  }

  root(directory: Fd): DirectoryTreeEntry {
    const stat = this.#files.statOpen(directory);
    if (stat.type !== "directory") throw new StoreError("invalid_argument", "source is not a directory");
    const root = this.#directoryEntry(directory, rootPlace, stat, this.#options.base ?? null, 0);
    const lonely = [...this.#linked.values()].filter((file) => file.seen === 1);
    return lonely.length === 0 ? root : dropLonelyGroups(this.#writer, root, lonely);
  }

  #directoryEntry(
    directory: Fd,
    place: Place,
    stat: Stat,
    base: TreeEntry | null,
    depth: number,
  ): DirectoryTreeEntry {
    const merged =
      base?.type === "directory" && !(this.#options.overlay === true && isOpaque(this.#files, directory));
    const below = merged ? readDirectory(this.#writer, base.id) : [];
    const entries = this.#entries(directory, place, below, depth);
    return {
      type: "directory",
      ...this.#metadata(place, stat, this.#files.xattrNamesOpen(directory), directory, "."),
      linkGroup: null,
      ...writeDirectory(this.#writer, entries),
    };
  }

  #entries(directory: Fd, parent: Place, below: TreeEntry[], depth: number): TreeEntry[] {
    if (depth > treeDepthMax) {
      throw new StoreError("too_large", `directories are nested deeper than ${treeDepthMax}`);
    }
    const listed = this.#files.list(directory).sort((a, b) => (a.key < b.key ? -1 : 1));
    const entries: TreeEntry[] = [];
    let next = 0;
    for (const found of listed) {
      let base: TreeEntry | null = null;
      while (next < below.length) {
        const candidate = below[next] as TreeEntry;
        const order = candidate.name.compare(found.name);
        if (order > 0) break;
        next += 1;
        if (order < 0) entries.push(candidate);
        else base = candidate;
      }
      const entry = this.#entry(directory, found, { parent, name: found.name }, base, depth);
      if (entry !== null) entries.push(entry);
    }
    while (next < below.length) entries.push(below[next++] as TreeEntry);
    return entries;
  }

  /** Null for what is removed, excluded, or cannot be stored; the last of these is reported. */
  #entry(
    directory: Fd,
    found: DirectoryEntry,
    place: Place,
    base: TreeEntry | null,
    depth: number,
  ): TreeEntry | null {
    this.#work.step();
    try {
      if (found.type === "file" && !this.#isExcluded(place, false)) {
        const entry = this.#fileEntry(directory, place);
        if (entry !== null) return entry;
      }
      const stat = this.#files.stat(directory, place.name);
      if (this.#options.overlay === true && isWhiteout(stat)) return null;
      if (this.#isExcluded(place, stat.type === "directory")) return null;
      return this.#typedEntry(directory, place, stat, base, depth);
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        this.#work.problem(pathOf(place), "vanished", "was removed while the snapshot was taken");
        return null;
      }
      if (isErrno(error, "EACCES", "EPERM")) {
        this.#work.problem(pathOf(place), "permission_denied", (error as StoreError).message);
        return null;
      }
      throw error;
    }
  }

  #isExcluded(place: Place, isDirectory: boolean): boolean {
    const { isExcluded } = this.#options;
    return isExcluded !== undefined && isExcluded(pathOf(place), isDirectory);
  }

  #typedEntry(
    directory: Fd,
    place: Place,
    stat: Stat,
    base: TreeEntry | null,
    depth: number,
  ): TreeEntry | null {
    const files = this.#files;
    const { name } = place;
    if (stat.type === "file") {
      const entry = this.#fileEntry(directory, place);
      if (entry === null) this.#work.problem(pathOf(place), "vanished", "was replaced while it was read");
      return entry;
    }
    if (stat.type === "directory") {
      const child = files.open(directory, name, { directory: true });
      try {
        return this.#directoryEntry(child, place, files.statOpen(child), base, depth + 1);
      } finally {
        files.close(child);
      }
    }
    this.#work.progress.files += 1;
    const metadata = this.#metadata(place, stat, files.xattrNames(directory, name), directory, name);
    const linkGroup = this.#linkGroup(stat, place);
    if (stat.type === "symlink") {
      return { type: "symlink", ...metadata, linkGroup, target: files.readSymlink(directory, name) };
    }
    const { major, minor } =
      stat.type === "character" || stat.type === "block" ? stat : { major: 0, minor: 0 };
    return { type: stat.type, ...metadata, linkGroup, major, minor };
  }

  /** Null when it is no regular file any more. */
  #fileEntry(directory: Fd, place: Place): TreeEntry | null {
    const files = this.#files;
    let fd: Fd;
    try {
      fd = files.open(directory, place.name);
    } catch (error) {
      if (isErrno(error, "ELOOP", "ENXIO", "ENODEV")) return null;
      throw error;
    }
    try {
      const { stat, segments, sizeBytes, consistent } = this.#reader.read(fd);
      if (stat.type !== "file") return null;
      if (!consistent) {
        const message = `changed during each of ${readAttemptsMax} reads`;
        this.#work.problem(pathOf(place), "changed_while_read", message);
      }
      const metadata = this.#metadata(place, stat, files.xattrNamesOpen(fd), directory, place.name);
      this.#work.progress.files += 1;
      this.#work.progress.deduplicatedBytes = this.#writer.deduplicatedBytes;
      const content = writeContent(this.#writer, segments);
      return { type: "file", ...metadata, linkGroup: this.#linkGroup(stat, place), sizeBytes, content };
    } finally {
      files.close(fd);
    }
  }

  #metadata(place: Place, stat: Stat, xattrNames: Buffer[], directory: Fd, nameInDirectory: Buffer | string) {
    const owner = this.#options.owners.toTree(stat);
    return {
      name: place.name,
      mode: stat.mode,
      uid: owner.uid,
      gid: owner.gid,
      mtimeSeconds: stat.mtimeSeconds,
      mtimeNanoseconds: stat.mtimeNanoseconds,
      xattrs: xattrNames.length === 0 ? [] : this.#xattrs(xattrNames, place, directory, nameInDirectory),
    };
  }

  #xattrs(names: Buffer[], place: Place, directory: Fd, nameInDirectory: Buffer | string): Xattr[] {
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
        this.#work.problem(
          pathOf(place),
          "xattr_not_stored",
          `no permission to read ${attribute.toString("utf8")}`,
        );
        continue;
      }
      if (value === null) continue;
      total += name.length + value.length;
      if (total > xattrsBytesMax) {
        this.#work.problem(pathOf(place), "xattr_not_stored", `more than ${xattrsBytesMax} bytes of xattrs`);
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
  #linkGroup(stat: Stat, place: Place): Buffer | null {
    if (stat.links < 2) return null;
    const key = `${stat.device}:${stat.inode}`;
    const known = this.#linked.get(key);
    if (known !== undefined) {
      known.seen += 1;
      return known.group;
    }
    const path = pathOf(place);
    const base = this.#options.base?.id.toString("hex") ?? "";
    const state = `\0${stat.sizeBytes} ${stat.mtimeSeconds} ${stat.mtimeNanoseconds} ${base}`.trimEnd();
    const group = hash(Buffer.concat([path, Buffer.from(state)])).subarray(0, linkGroupBytes);
    this.#linked.set(key, { group, path, seen: 1 });
    return group;
  }
}
