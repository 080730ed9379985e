/**
 * Walks a directory and stores it as a tree. Every step is relative to an open directory and follows no symlink. With
 * `overlay`, the directory is the upper of an overlay mount, and what it says is merged into the tree of what is below:
 * a device 0:0 removes a name, a directory marked opaque hides what was there, and all else adds or replaces. Below
 * `changesName` there is one more tree beneath, which is not known: what removes and hides is kept for it.
 */
import type { Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { treeDepthMax } from "../limits.js";
import type { ObjectWriter } from "../pack/chunks.js";
import {
  isErrno,
  type DirectoryEntry,
  type Fd,
  type Files,
  type FileType,
  type Stat,
} from "../platform/files.js";
import { BaseDirectory, type NameChange } from "../tree/base-directory.js";
import { writeContent } from "../tree/content.js";
import { readDirectory, writeDirectory, writeRoot } from "../tree/directory.js";
import type { DirectoryTreeEntry, TreeEntry, TreeSums } from "../tree/entry.js";
import type { ComparisonThreads } from "./comparison-threads.js";
import { KnownLevel, type Known } from "./known.js";
import { dropLonelyGroups, LinkGroups } from "./links.js";
import { MetadataReader, type EntryMetadata } from "./read-metadata.js";
import {
  changesAttributeToTree,
  changesName,
  endsMerging,
  isOpaque,
  isWhiteout,
  overlayAttributeToTree,
  removalEntry,
  withOpaqueMark,
} from "./overlay-marks.js";
import type { Owners } from "./owners.js";
import { pathOf, rootPlace, type Place } from "./place.js";
import { FileReader, readAttemptsMax, settledBefore } from "./read-file.js";
import { EntryRows, WalkRecorder, type RecordedWalk } from "./recorded-walk.js";
import type { PreviousWalk } from "./stat-cache.js";
import type { StorePlace } from "./store-place.js";
import { findUnchanged, type Unchanged } from "./unchanged.js";
import type { Work } from "./work.js";

export interface ScanOptions {
  owners: Owners;
  work: Work;
  /** The tree below an overlay upper. Null with `overlay`: nothing is below. */
  base?: DirectoryTreeEntry | null;
  overlay?: boolean;
  /** The last walk of the same directory, whose unchanged files are not read again. Not with `overlay`. */
  previous?: Omit<PreviousWalk, "stored"> | null;
  /** True for paths to leave out. */
  isExcluded?: (path: Buffer, isDirectory: boolean) => boolean;
  /** Files are not opened: only their sizes count, and the tree is good for its sums alone. For a writer that keeps nothing. */
  sizesOnly?: boolean;
  /** The store, which is left out wherever it is met. */
  storePlace?: StorePlace;
  /** Threads of this process, which reach the same files, to help where there is a last walk. */
  threads?: ComparisonThreads | null;
}

export interface ScanResult {
  tree: Digest;
  root: DirectoryTreeEntry;
}

export interface WalkResult extends ScanResult {
  /** For the next walk; see `stat-cache.ts`. Of an overlay it says nothing. */
  walk: RecordedWalk;
}

/** Stores the tree under an open directory. Nothing is durable before the writer's `commit`. */
export function scan(files: Files, writer: ObjectWriter, directory: Fd, options: ScanOptions): WalkResult {
  const { root, walk } = new Scanner(files, writer, options).scan(directory);
  return { tree: writeRoot(writer, root), root, walk };
}

/** A directory being walked. */
interface Level {
  directory: Fd;
  place: Place;
  stat: Stat;
  /** The directory of the base, or of the previous walk, with its entries. */
  known: DirectoryTreeEntry | null;
  /** Of the previous walk alone. */
  below: TreeEntry[];
  merge: KnownLevel;
  /** With `overlay`: what lies below, of which what is found here makes another directory. */
  base: BaseDirectory | null;
  /** Null outside of changes. `itself`: the directory is one of them, not their root. */
  changes: { itself: boolean; opaque: boolean; covered: boolean } | null;
  /** Its names, and its entries that are no directories, are those of the previous walk. */
  isSame: boolean;
  listed: DirectoryEntry[];
  position: number;
  entries: TreeEntry[];
  rows: EntryRows;
  problemsBefore: number;
}

class Scanner {
  readonly #files: Files;
  readonly #writer: ObjectWriter;
  readonly #options: ScanOptions;
  readonly #work: Work;
  readonly #recorder: WalkRecorder;
  readonly #reader: FileReader;
  readonly #metadata: MetadataReader;
  readonly #changesMetadata: MetadataReader;
  readonly #links: LinkGroups;
  readonly #previousWalk: RecordedWalk | null;
  #unchanged: Unchanged | null = null;

  constructor(files: Files, writer: ObjectWriter, options: ScanOptions) {
    this.#files = files;
    this.#writer = writer;
    this.#options = options;
    this.#work = options.work;
    const settledBeforeSeconds = settledBefore(Date.now());
    this.#recorder = new WalkRecorder(settledBeforeSeconds);
    this.#reader = new FileReader(files, writer, settledBeforeSeconds, (count) => this.#work.addBytes(count));
    const attributeToTree = options.overlay === true ? overlayAttributeToTree : undefined;
    this.#metadata = new MetadataReader(files, options.owners, options.work, attributeToTree);
    this.#changesMetadata = new MetadataReader(files, options.owners, options.work, changesAttributeToTree);
    this.#links = new LinkGroups(options.base?.id ?? null);
    this.#previousWalk = options.previous?.walk ?? null;
  }

  scan(directory: Fd): { root: DirectoryTreeEntry; walk: RecordedWalk } {
    const files = this.#files;
    const { previous = null, base = null, threads = null } = this.#options;
    if (previous?.hasSameView === true) {
      this.#unchanged = findUnchanged(files, directory, previous.walk, threads, () => this.#work.step());
      if (this.#unchanged.isWholeSame(previous.walk.directories - 1)) {
        this.#countUnchanged(previous.root);
        return { root: previous.root, walk: previous.walk };
      }
    }
    let fd: Fd;
    try {
      fd = files.open(directory, ".", { directory: true });
    } catch (error) {
      if (isErrno(error, "ENOTDIR")) throw new StoreError("invalid_argument", "source is not a directory");
      throw error;
    }
    const known = previous?.root ?? base;
    const row = (previous?.walk.directories ?? 0) - 1;
    const root = this.#walk(this.#level(fd, rootPlace, known && { entry: known, row }, null));
    const lonely = this.#links.lonely();
    return {
      root: lonely.length === 0 ? root : dropLonelyGroups(this.#writer, root, lonely),
      walk: this.#recorder.finish(),
    };
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
        const known = this.#known(level, found.name);
        const entry = this.#unchangedEntry(level, known) ?? this.#entry(level, found, known);
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

  /** Takes over the descriptor. `known` is what the base or the previous walk has under this name. */
  #level(directory: Fd, place: Place, known: Known | null, parent: Level | null): Level {
    try {
      const stat = this.#files.statOpen(directory);
      const merges = !(this.#options.overlay === true && isOpaque(this.#files, directory));
      const merged = merges && known?.entry.type === "directory" ? known.entry : null;
      const opaque = !merges || (known !== null && endsMerging(known.entry));
      const row = merged === null ? -1 : (known?.row ?? -1);
      const hasBase = merged !== null && this.#options.overlay === true;
      const below = merged === null || hasBase ? [] : readDirectory(this.#writer, merged.id);
      const isSame = merged !== null && this.#unchanged?.isSame(row) === true;
      return {
        directory,
        place,
        stat,
        known: merged,
        below,
        merge: new KnownLevel(below, merged === null ? null : this.#previousWalk, row),
        base: hasBase ? new BaseDirectory(this.#writer, merged.id) : null,
        changes: this.#changesAt(place, parent, opaque),
        isSame,
        listed: isSame
          ? below.map(({ name, type }) => ({ name, key: "", type }))
          : inOrder(this.#files.list(directory)),
        position: 0,
        entries: [],
        rows: new EntryRows(),
        problemsBefore: this.#work.problemCount,
      };
    } catch (error) {
      this.#files.close(directory);
      throw error;
    }
  }

  /** What is `covered` has nothing beneath that is not known, so that there is nothing to remove or to hide. */
  #changesAt({ name }: Place, parent: Level | null, opaque: boolean): Level["changes"] {
    if (parent === null || this.#options.overlay !== true) return null;
    if (parent.changes !== null) {
      const { covered } = parent.changes;
      return { itself: true, opaque: opaque && !covered, covered: covered || opaque };
    }
    const isRoot = parent.place === rootPlace && name.equals(changesName);
    return isRoot ? { itself: false, opaque: false, covered: false } : null;
  }

  #known({ base, merge }: Level, name: Buffer): Known | null {
    if (base === null) return merge.find(name);
    const entry = base.find(name);
    return entry && { entry, row: -1 };
  }

  /** What only the base has stays; what only the previous walk had is gone. */
  #store({ known, below, base, listed, entries }: Level): { id: Digest; sums: TreeSums } {
    if (base !== null && known !== null)
      return listed.length === 0 ? known : base.change(this.#writer, changes(listed, entries));
    const isSame =
      known !== null && entries.length === below.length && entries.every((entry, n) => entry === below[n]);
    return isSame ? known : writeDirectory(this.#writer, entries);
  }

  #finish(level: Level): DirectoryTreeEntry {
    const { directory, place, stat } = level;
    const xattrNames = this.#files.xattrNamesOpen(directory);
    const metadata = this.#metadataOf(level, place, stat, xattrNames, directory);
    const stored = this.#store(level);
    const isWhole = this.#work.problemCount === level.problemsBefore;
    this.#recorder.addDirectory(pathOf(place), stat, level.rows, stored.sums.directories, isWhole);
    return { type: "directory", ...metadata, linkGroup: null, id: stored.id, sums: stored.sums };
  }

  #metadataOf(
    { changes }: Level,
    place: Place,
    stat: Stat,
    xattrNames: Buffer[],
    directory: Fd,
  ): EntryMetadata {
    if (changes?.itself !== true) return this.#metadata.of(place, stat, xattrNames, directory, ".");
    const metadata = this.#changesMetadata.of(place, stat, xattrNames, directory, ".");
    return changes.opaque ? { ...metadata, xattrs: withOpaqueMark(metadata.xattrs) } : metadata;
  }

  #metadataIn({ changes }: Level): MetadataReader {
    return changes === null ? this.#metadata : this.#changesMetadata;
  }

  /** What was found to be as it was, and is not looked at again. Null for all else. */
  #unchangedEntry(level: Level, known: Known | null): TreeEntry | null {
    const unchanged = this.#unchanged;
    if (unchanged === null || known === null) return null;
    const { entry, row } = known;
    if (entry.type === "directory") {
      if (!unchanged.isWholeSame(row)) return null;
      this.#recorder.addUnchanged(unchanged.walk, row - entry.sums.directories, row);
    } else {
      if (!level.isSame) return null;
      level.rows.addUnchanged(unchanged.walk, row);
    }
    this.#work.step();
    this.#countUnchanged(entry);
    return entry;
  }

  #countUnchanged(entry: TreeEntry): void {
    const { progress } = this.#work;
    const bytes = entry.type === "directory" ? entry.sums.logicalBytes : 0;
    const sizeBytes = entry.type === "file" ? entry.sizeBytes : bytes;
    progress.files += entry.type === "directory" ? entry.sums.files : 1;
    progress.bytes += sizeBytes;
    progress.deduplicatedBytes += sizeBytes;
  }

  /** A level for a directory. Null for what is removed, excluded, or cannot be stored; the last of these is reported. */
  #entry(level: Level, found: DirectoryEntry, known: Known | null): TreeEntry | Level | null {
    this.#work.step();
    const { directory } = level;
    const place: Place = { parent: level.place, name: found.name };
    try {
      const isOpenedFirst = this.#previousWalk === null && this.#options.sizesOnly !== true;
      if (found.type === "file" && isOpenedFirst && !this.#isExcluded(place, false)) {
        const entry = this.#fileEntry(level, place);
        if (entry !== null) return entry;
      }
      const stat = this.#files.stat(directory, place.name);
      if (this.#options.overlay === true && isWhiteout(stat)) {
        const keeps = level.changes !== null && !level.changes.covered;
        return keeps ? removalEntry(place.name, this.#options.owners.toTree(stat)) : null;
      }
      if (this.#isExcluded(place, stat.type === "directory")) return null;
      if (stat.type !== "directory") {
        return (
          this.#matchingEntry(level, place, stat, known) ?? this.#typedEntry(level, place, stat, stat.type)
        );
      }
      if (this.#options.storePlace?.isStore(stat) === true) return null;
      const child = this.#files.open(directory, place.name, { directory: true });
      return this.#level(child, place, known, level);
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
  #matchingEntry(level: Level, place: Place, stat: Stat, before: Known | null): TreeEntry | null {
    if (before === null || this.#previousWalk === null) return null;
    const { entry: known, row } = before;
    if (known.type === "directory" || !this.#previousWalk.matches(row, stat)) return null;
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
    this.#countUnchanged(known);
    this.#recorder.addEntry(level.rows, place.name, stat);
    const linkGroup = this.#links.groupOf(stat, place);
    const sameGroup =
      linkGroup === known.linkGroup || (linkGroup !== null && known.linkGroup?.equals(linkGroup) === true);
    return sameGroup ? known : { ...known, linkGroup };
  }

  #isExcluded(place: Place, isDirectory: boolean): boolean {
    const { isExcluded } = this.#options;
    return isExcluded !== undefined && isExcluded(pathOf(place), isDirectory);
  }

  #typedEntry(
    level: Level,
    place: Place,
    stat: Stat,
    type: Exclude<FileType, "directory">,
  ): TreeEntry | null {
    const files = this.#files;
    const { directory } = level;
    const { name } = place;
    if (type === "file" && this.#options.sizesOnly === true) {
      const sizeBytes = storableSize(place, stat.sizeBytes);
      const metadata = this.#metadata.of(place, stat, [], directory, name);
      const content =
        sizeBytes === 0 ? null : writeContent(this.#writer, [{ kind: "hole", length: sizeBytes }]);
      return { type, ...metadata, linkGroup: null, sizeBytes, content };
    }
    if (type === "file") {
      const entry = this.#fileEntry(level, place);
      if (entry === null) this.#work.problem(pathOf(place), "vanished", "was replaced while it was read");
      return entry;
    }
    const xattrNames = files.xattrNames(directory, name);
    const metadata = this.#metadataIn(level).of(place, stat, xattrNames, directory, name);
    this.#work.progress.files += 1;
    this.#recorder.addEntry(level.rows, name, stat);
    const linkGroup = this.#links.groupOf(stat, place);
    if (type === "symlink") {
      return { type: "symlink", ...metadata, linkGroup, target: files.readSymlink(directory, name) };
    }
    const { major, minor } = type === "character" || type === "block" ? stat : { major: 0, minor: 0 };
    return { type, ...metadata, linkGroup, major, minor };
  }

  /** Null when it is no regular file any more. */
  #fileEntry(level: Level, place: Place): TreeEntry | null {
    const files = this.#files;
    const { directory } = level;
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
      storableSize(place, sizeBytes);
      if (!consistent) {
        const message = `changed during each of ${readAttemptsMax} reads`;
        this.#work.problem(pathOf(place), "changed_while_read", message);
      }
      const xattrNames = files.xattrNamesOpen(fd);
      const metadata = this.#metadataIn(level).of(place, stat, xattrNames, directory, place.name);
      this.#work.progress.files += 1;
      this.#recorder.addEntry(level.rows, place.name, stat);
      const content = writeContent(this.#writer, segments);
      return { type: "file", ...metadata, linkGroup: this.#links.groupOf(stat, place), sizeBytes, content };
    } finally {
      files.close(fd);
    }
  }
}

/** Code `too_large` for a sparse file that has more bytes than are counted here. */
function storableSize(place: Place, sizeBytes: number): number {
  if (Number.isSafeInteger(sizeBytes)) return sizeBytes;
  const path = JSON.stringify(pathOf(place).toString());
  throw new StoreError("too_large", `${path} has more than ${Number.MAX_SAFE_INTEGER} bytes`);
}

/** While names are replaced, a filesystem may list one of them twice. */
function inOrder(listed: DirectoryEntry[]): DirectoryEntry[] {
  listed.sort((a, b) => (a.key < b.key ? -1 : 1));
  return listed.filter(({ key }, n) => key !== listed[n - 1]?.key);
}

/** Of what is listed, what there is no entry of is gone. Both are in order of names. */
function changes(listed: readonly DirectoryEntry[], entries: readonly TreeEntry[]): NameChange[] {
  let next = 0;
  return listed.map(({ name }) => {
    const entry = entries[next];
    if (entry?.name.equals(name) !== true) return { name, entry: null };
    next += 1;
    return { name, entry };
  });
}
