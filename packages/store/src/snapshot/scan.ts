/**
 * Walks a directory and stores it as a tree. Every step is relative to an open directory and follows no symlink. With
 * `overlay`, the directory is the upper of an overlay mount, and what it says is merged into the tree of what is below:
 * a device 0:0 removes a name, a directory marked opaque hides what was there, and all else adds or replaces.
 */
import { hash, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { mtimeSecondsMax, treeDepthMax, xattrsBytesMax } from "../limits.js";
import type { ObjectWriter } from "../pack/chunks.js";
import {
  isErrno,
  type DirectoryEntry,
  type Fd,
  type Files,
  type FileType,
  type Stat,
} from "../platform/files.js";
import { writeContent } from "../tree/content.js";
import { readDirectory, writeDirectory, writeRoot } from "../tree/directory.js";
import { linkGroupBytes, type DirectoryTreeEntry, type TreeEntry, type Xattr } from "../tree/entry.js";
import { dropLonelyGroups, type LinkedFile } from "./links.js";
import { isOpaque, isWhiteout, overlayAttributeToTree } from "./overlay-marks.js";
import type { Owners } from "./owners.js";
import { pathOf, rootPlace, type Place } from "./place.js";
import { FileReader, readAttemptsMax, settledBefore } from "./read-file.js";
import { StatRecorder, type PreviousWalk } from "./stat-cache.js";
import type { Work } from "./work.js";

export interface ScanOptions {
  owners: Owners;
  work: Work;
  /** The tree below an overlay upper. Null with `overlay`: nothing is below. */
  base?: DirectoryTreeEntry | null;
  overlay?: boolean;
  /** The last walk of the same directory, whose unchanged files are not read again. Not with `overlay`. */
  previous?: PreviousWalk | null;
  /** True for paths to leave out. */
  isExcluded?: (path: Buffer, isDirectory: boolean) => boolean;
}

export interface ScanResult {
  tree: Digest;
  root: DirectoryTreeEntry;
}

export interface WalkResult extends ScanResult {
  /** For the next walk; see `stat-cache.ts`. */
  statRows: Buffer;
}

/** Stores the tree under an open directory. Nothing is durable before the writer's `commit`. */
export function scan(files: Files, writer: ObjectWriter, directory: Fd, options: ScanOptions): WalkResult {
  const scanner = new Scanner(files, writer, options);
  const root = scanner.root(directory);
  return { tree: writeRoot(writer, root), root, statRows: scanner.recorder.rows() };
}

/** A directory being walked. */
interface Level {
  directory: Fd;
  place: Place;
  stat: Stat;
  /** What `below` are the entries of: the directory of the base, or of the previous walk. */
  known: DirectoryTreeEntry | null;
  below: TreeEntry[];
  listed: DirectoryEntry[];
  /** Of `listed`. */
  position: number;
  /** Of `below`. */
  next: number;
  /** Row in the previous walk of what was advanced over last, or of its first entry; and of what follows. */
  row: number;
  nextRow: number;
  entries: TreeEntry[];
}

class Scanner {
  readonly #files: Files;
  readonly #writer: ObjectWriter;
  readonly #options: ScanOptions;
  readonly #work: Work;
  readonly recorder: StatRecorder;
  readonly #reader: FileReader;
  readonly #linked = new Map<string, LinkedFile>();

  constructor(files: Files, writer: ObjectWriter, options: ScanOptions) {
    this.#files = files;
    this.#writer = writer;
    this.#options = options;
    this.#work = options.work;
    const settledBeforeSeconds = settledBefore(Date.now());
    this.recorder = new StatRecorder(settledBeforeSeconds);
    this.#reader = new FileReader(files, writer, settledBeforeSeconds, (count) => {
      this.#work.addBytes(count);
      this.#work.step();
    });
  }

  root(directory: Fd): DirectoryTreeEntry {
    const stat = this.#files.statOpen(directory);
    if (stat.type !== "directory") throw new StoreError("invalid_argument", "source is not a directory");
    const known = this.#options.previous?.root ?? this.#options.base ?? null;
    const fd = this.#files.open(directory, ".", { directory: true });
    const root = this.#walk(this.#level(fd, rootPlace, stat, known, 0));
    const lonely = [...this.#linked.values()].filter((file) => file.seen === 1);
    return lonely.length === 0 ? root : dropLonelyGroups(this.#writer, root, lonely);
  }

  /** Depth first, with a stack of its own: how deep a tree is must not depend on the thread's stack. */
  #walk(root: Level): DirectoryTreeEntry {
    const levels = [root];
    try {
      for (;;) {
        const level = levels.at(-1) as Level;
        const found = level.listed[level.position++];
        if (found === undefined) {
          const entry = this.#finish(level);
          levels.pop();
          this.#files.close(level.directory);
          const parent = levels.at(-1);
          if (parent === undefined) return entry;
          parent.entries.push(entry);
          continue;
        }
        const known = this.#advance(level, found);
        const entry = this.#entry(level, found, known);
        if (entry === null) continue;
        if (!("listed" in entry)) level.entries.push(entry);
        else if (levels.push(entry) > treeDepthMax) {
          throw new StoreError("too_large", `directories are nested deeper than ${treeDepthMax}`);
        }
      }
    } finally {
      for (const level of levels) this.#files.close(level.directory);
    }
  }

  /** Takes over the descriptor. `known` is what the base or the previous walk has under this name, `row` its first row there. */
  #level(directory: Fd, place: Place, stat: Stat, known: TreeEntry | null, row: number): Level {
    try {
      const merges = !(this.#options.overlay === true && isOpaque(this.#files, directory));
      const merged = merges && known?.type === "directory" ? known : null;
      return {
        directory,
        place,
        stat,
        known: merged,
        below: merged === null ? [] : readDirectory(this.#writer, merged.id),
        listed: this.#files.list(directory).sort((a, b) => (a.key < b.key ? -1 : 1)),
        position: 0,
        next: 0,
        nextRow: row,
        row,
        entries: [],
      };
    } catch (error) {
      this.#files.close(directory);
      throw error;
    }
  }

  /** Moves the merge up to a name that was found, and gives what is known of it. */
  #advance(level: Level, found: DirectoryEntry): TreeEntry | null {
    while (level.next < level.below.length) {
      const candidate = level.below[level.next] as TreeEntry;
      const order = candidate.name.compare(found.name);
      if (order > 0) return null;
      level.next += 1;
      level.row = level.nextRow;
      level.nextRow += candidate.type === "directory" ? candidate.sums.files : 1;
      if (order === 0) return candidate;
      // What only the base has stays; what only the previous walk had is gone.
      if (this.#options.overlay === true) level.entries.push(candidate);
    }
    return null;
  }

  #finish(level: Level): DirectoryTreeEntry {
    const { directory, known, below, entries } = level;
    if (this.#options.overlay === true) {
      while (level.next < below.length) entries.push(below[level.next++] as TreeEntry);
    }
    const same =
      known !== null && entries.length === below.length && entries.every((entry, n) => entry === below[n]);
    return {
      type: "directory",
      ...this.#metadata(level.place, level.stat, this.#files.xattrNamesOpen(directory), directory, "."),
      linkGroup: null,
      ...(same ? { id: known.id, sums: known.sums } : writeDirectory(this.#writer, entries)),
    };
  }

  /** A level for a directory. Null for what is removed, excluded, or cannot be stored; the last of these is reported. */
  #entry(level: Level, found: DirectoryEntry, known: TreeEntry | null): TreeEntry | Level | null {
    this.#work.step();
    const { directory, row } = level;
    const place: Place = { parent: level.place, name: found.name };
    const previous = this.#options.previous ?? null;
    try {
      if (found.type === "file" && previous === null && !this.#isExcluded(place, false)) {
        const entry = this.#fileEntry(directory, place);
        if (entry !== null) return entry;
      }
      const stat = this.#files.stat(directory, place.name);
      if (this.#options.overlay === true && isWhiteout(stat)) return null;
      if (this.#isExcluded(place, stat.type === "directory")) return null;
      if (
        previous !== null &&
        known !== null &&
        stat.type !== "directory" &&
        previous.rows.matches(row, stat)
      ) {
        const entry = this.#unchangedEntry(place, stat, known);
        if (entry !== null) return entry;
      }
      if (stat.type !== "directory") return this.#typedEntry(directory, place, stat, stat.type);
      const child = this.#files.open(directory, place.name, { directory: true });
      return this.#level(child, place, this.#files.statOpen(child), known, row);
    } catch (error) {
      if (isErrno(error, "ENOENT")) {
        this.#work.problem(pathOf(place), "vanished", "was removed while the snapshot was taken");
        return null;
      }
      // What was a directory or a symlink a moment ago is something else now; nothing was followed.
      if (isErrno(error, "ENOTDIR", "ELOOP", "EINVAL")) {
        this.#work.problem(pathOf(place), "vanished", "was replaced while the snapshot was taken");
        return null;
      }
      if (isErrno(error, "EACCES", "EPERM")) {
        this.#work.problem(pathOf(place), "permission_denied", (error as StoreError).message);
        return null;
      }
      throw error;
    }
  }

  /**
   * The previous entry of a file whose ctime did not move: then neither did its content, mode, owner or attributes. Null when
   * it does not agree all the same, for example because owners are translated differently now.
   */
  #unchangedEntry(place: Place, stat: Stat, known: TreeEntry): TreeEntry | null {
    const owner = this.#options.owners.toTree(stat);
    const agrees =
      known.type === stat.type &&
      known.mode === stat.mode &&
      known.uid === owner.uid &&
      known.gid === owner.gid &&
      known.mtimeSeconds === stat.mtimeSeconds &&
      known.mtimeNanoseconds === stat.mtimeNanoseconds &&
      (known.type !== "file" || known.sizeBytes === stat.sizeBytes);
    if (!agrees) return null;
    this.#work.progress.files += 1;
    if (known.type === "file") {
      this.#work.progress.bytes += known.sizeBytes;
      this.#work.progress.deduplicatedBytes += known.sizeBytes;
    }
    this.recorder.add(stat);
    const linkGroup = this.#linkGroup(stat, place);
    const sameGroup =
      linkGroup === known.linkGroup || (linkGroup !== null && known.linkGroup?.equals(linkGroup) === true);
    return sameGroup ? known : { ...known, linkGroup };
  }

  #isExcluded(place: Place, isDirectory: boolean): boolean {
    const { isExcluded } = this.#options;
    return isExcluded !== undefined && isExcluded(pathOf(place), isDirectory);
  }

  #typedEntry(
    directory: Fd,
    place: Place,
    stat: Stat,
    type: Exclude<FileType, "directory">,
  ): TreeEntry | null {
    const files = this.#files;
    const { name } = place;
    if (type === "file") {
      const entry = this.#fileEntry(directory, place);
      if (entry === null) this.#work.problem(pathOf(place), "vanished", "was replaced while it was read");
      return entry;
    }
    const metadata = this.#metadata(place, stat, files.xattrNames(directory, name), directory, name);
    this.#work.progress.files += 1;
    this.recorder.add(stat);
    const linkGroup = this.#linkGroup(stat, place);
    if (type === "symlink") {
      return { type: "symlink", ...metadata, linkGroup, target: files.readSymlink(directory, name) };
    }
    const { major, minor } = type === "character" || type === "block" ? stat : { major: 0, minor: 0 };
    return { type, ...metadata, linkGroup, major, minor };
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
      const deduplicatedBefore = this.#writer.deduplicatedBytes;
      const { stat, segments, sizeBytes, consistent } = this.#reader.read(fd);
      this.#work.progress.deduplicatedBytes += this.#writer.deduplicatedBytes - deduplicatedBefore;
      if (stat.type !== "file") return null;
      if (!consistent) {
        const message = `changed during each of ${readAttemptsMax} reads`;
        this.#work.problem(pathOf(place), "changed_while_read", message);
      }
      const metadata = this.#metadata(place, stat, files.xattrNamesOpen(fd), directory, place.name);
      this.#work.progress.files += 1;
      this.recorder.add(stat);
      const content = writeContent(this.#writer, segments);
      return { type: "file", ...metadata, linkGroup: this.#linkGroup(stat, place), sizeBytes, content };
    } finally {
      files.close(fd);
    }
  }

  /** Filesystems without a limit of their own take any 64 bits as a time. */
  #mtimeSeconds(place: Place, stat: Stat): number {
    const seconds = Math.min(mtimeSecondsMax, Math.max(-mtimeSecondsMax, stat.mtimeSeconds));
    if (seconds !== stat.mtimeSeconds) {
      this.#work.problem(pathOf(place), "time_not_stored", `time ${stat.mtimeSeconds} s is out of range`);
    }
    return seconds;
  }

  #metadata(place: Place, stat: Stat, xattrNames: Buffer[], directory: Fd, nameInDirectory: Buffer | string) {
    const owner = this.#options.owners.toTree(stat);
    return {
      name: place.name,
      mode: stat.mode,
      uid: owner.uid,
      gid: owner.gid,
      mtimeSeconds: this.#mtimeSeconds(place, stat),
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
