/**
 * Makes entries of a tree real: creates files, directories, links and nodes with all their metadata, relative to open
 * directories and never through a symlink. What the present rights do not allow is reported as a problem.
 */
import type { Digest } from "../chunk/hash.js";
import type { ObjectSource } from "../pack/chunks.js";
import { removeIfPresent, temporaryName } from "../platform/durable.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";
import { readDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry, SpecialEntry, TreeEntry } from "../tree/entry.js";
import type { Damage } from "./damage.js";
import { LinkTargets } from "./link-targets.js";
import { Metadata, type MetadataOptions, type Present, type Target } from "./metadata.js";
import { FilesHere, isAlone, RunCollector, type FileMaker, type RunTarget } from "./file-run.js";
import { FilesInThreads } from "./files-in-threads.js";
import { NewFiles } from "./new-file.js";
import { pathOf, type Place } from "./place.js";
import { removeTree } from "./remove.js";
import type { ObjectPlaces } from "./restore-batch.js";

export interface MaterializeOptions extends MetadataOptions {
  /** False for nodes that would mean something else where they are made. Default: all may be made. */
  mayMakeNode?: (entry: TreeEntry) => boolean;
  /** Takes the entries that cannot be made because what is stored of them is damaged. Null: the first of them is an error. */
  damage?: Damage | null;
  /**
   * Where threads find the objects of the tree. Null: without threads. With them `flush` makes what is not made yet, no
   * attribute may have another name on disk, and `damage` is needed.
   */
  objects?: ObjectPlaces | null;
}

/** A directory being filled. */
interface Level {
  directory: Fd;
  entry: DirectoryTreeEntry;
  place: Place;
  /** Whether the directory above is plain, and whether this one is. */
  parentIsPlain: boolean;
  plain: boolean;
  entries: TreeEntry[];
  position: number;
  runs: RunCollector;
}

const here = Buffer.from(".");
const defaultAcl = Buffer.from("system.posix_acl_default");

export class Materializer {
  created = 0;
  readonly links: LinkTargets;
  readonly #files: Files;
  readonly #source: ObjectSource;
  readonly #options: MaterializeOptions;
  readonly #metadata: Metadata;
  readonly #newFiles: NewFiles;
  readonly #maker: FileMaker;
  /** Of what is made in a plain directory. */
  #own: Present | null = null;

  /** Places that are given to the calls are relative to `root`. */
  constructor(files: Files, source: ObjectSource, root: Fd, options: MaterializeOptions) {
    this.links = new LinkTargets(files, root);
    this.#files = files;
    this.#source = source;
    this.#options = options;
    this.#metadata = new Metadata(files, options);
    this.#newFiles = new NewFiles(files, source, this.#metadata, options.work);
    const close = (fd: Fd): void => files.close(fd);
    const { work, owners, objects = null, damage = null } = options;
    const here = new FilesHere(this.#newFiles, work, close, damage);
    this.#maker =
      objects === null || damage === null
        ? here
        : new FilesInThreads(here, { work, damage, objects, idMap: owners.idMap, close });
  }

  get writtenBytes(): number {
    return this.#maker.writtenBytes;
  }

  /** Returns when everything is made. */
  flush(): void {
    this.#maker.flush();
  }

  /** To be called after an error, before any directory is closed. */
  abandon(): void {
    this.#maker.abandon();
  }

  /** Creates an entry, with all that is below a directory. The name must be free. `plain`: `directory` is; see `isPlain`. */
  create(directory: Fd, entry: TreeEntry, place: Place, plain = false): void {
    this.#options.work.step();
    if (entry.type === "directory") this.#createTree(directory, entry, place, plain);
    else this.#createOther(directory, entry, place, plain);
  }

  /**
   * Creates an entry in the place of something else, which stays until the new file is whole, or a new directory's listing is known
   * to be. False for what cannot be made.
   */
  replace(directory: Fd, entry: TreeEntry, place: Place, present: Stat): boolean {
    this.#options.work.step();
    if (entry.type === "directory") {
      readDirectory(this.#source, entry.id);
      removeTree(this.#files, directory, entry.name);
      this.#createTree(directory, entry, place, false);
      return true;
    }
    const temporary = Buffer.from(temporaryName());
    try {
      if (!this.#createOther(directory, { ...entry, name: temporary }, place, false)) return false;
      // All else gives way to a rename.
      if (present.type === "directory") removeTree(this.#files, directory, entry.name);
      this.#files.rename(directory, temporary, directory, entry.name);
      // The rename of one link over another does nothing.
      if (entry.linkGroup !== null) removeIfPresent(this.#files, directory, temporary);
      return true;
    } catch (error) {
      removeIfPresent(this.#files, directory, temporary);
      throw error;
    }
  }

  /** Sets mode, owner, attributes and times of an open directory, after everything below it is done. */
  directoryMetadata(directory: Fd, entry: DirectoryTreeEntry, place: Place): void {
    const { uid, gid } = this.#files.statOpen(directory);
    const target = { directory, name: here, open: directory };
    this.#metadata.apply(target, entry, { uid, gid, mode: null, bare: false }, place);
  }

  /** Takes over an open directory: when all that was given before is made, runs `finish` and closes it. */
  finishDirectory(directory: Fd, finish: () => void): void {
    this.#maker.finishDirectory(directory, finish);
  }

  /** Collects files that are alone, out of the entries of a directory, and has each run of neighbours made. */
  runs(target: RunTarget, node: Digest, entries: TreeEntry[], place: Place): RunCollector {
    return new RunCollector((from, to) => {
      this.created += to - from;
      this.#maker.make({ ...target, node, from, to }, entries, place);
    });
  }

  /** Depth first, with a stack of its own: how deep a tree is must not depend on the thread's stack. */
  #createTree(parent: Fd, entry: DirectoryTreeEntry, place: Place, plain: boolean): void {
    const root = this.#attempt(place, () => this.#makeLevel(parent, entry, place, plain));
    const levels = root === null ? [] : [root];
    try {
      for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
        const number = level.position++;
        const below = level.entries[number];
        if (below !== undefined && isAlone(below)) {
          level.runs.add(number);
          continue;
        }
        level.runs.end();
        if (below === undefined) {
          levels.pop();
          this.#finishLevel(level);
          continue;
        }
        const belowPlace = { parent: level.place, name: below.name };
        this.#options.work.step();
        const { directory, plain } = level;
        if (below.type !== "directory") {
          this.#attempt(belowPlace, () => this.#createOther(directory, below, belowPlace, plain));
          continue;
        }
        const made = this.#attempt(belowPlace, () => this.#makeLevel(directory, below, belowPlace, plain));
        if (made !== null) levels.push(made);
      }
    } catch (error) {
      this.abandon();
      for (const level of levels) this.#files.close(level.directory);
      throw error;
    }
  }

  #makeLevel(parent: Fd, entry: DirectoryTreeEntry, place: Place, parentIsPlain: boolean): Level {
    const entries = readDirectory(this.#source, entry.id);
    this.#files.makeDirectory(parent, entry.name, 0o700);
    this.created += 1;
    const directory = this.#files.open(parent, entry.name, { directory: true });
    try {
      // What would make it other than plain is inherited.
      const plain = parentIsPlain || isPlain(this.#files, directory);
      const runs = this.runs({ directory, plain }, entry.id, entries, place);
      return { directory, entry, place, parentIsPlain, plain, entries, position: 0, runs };
    } catch (error) {
      this.#files.close(directory);
      throw error;
    }
  }

  #finishLevel({ directory, entry, place, parentIsPlain }: Level): void {
    this.finishDirectory(directory, () => {
      const target = { directory, name: here, open: directory };
      this.#metadata.apply(target, entry, this.#given(target, parentIsPlain), place);
    });
  }

  /** Null for an entry that is damaged, where that is taken. */
  #attempt<Result>(place: Place, run: () => Result): Result | null {
    const { damage = null } = this.#options;
    return damage === null ? run() : damage.attempt(place, run);
  }

  /** Creates what is not a directory. False for what cannot be made. */
  #createOther(
    directory: Fd,
    entry: Exclude<TreeEntry, DirectoryTreeEntry>,
    place: Place,
    plain: boolean,
  ): boolean {
    const link = this.links.link(directory, entry);
    if (link === "failed") this.#problem(place, "link_not_restored", "hard link became a copy");
    if (link !== "linked") {
      if (!this.#createNew(directory, entry, place, plain)) return false;
      this.links.remember(directory, entry, place);
    }
    this.created += 1;
    this.#options.work.progress.files += 1;
    return true;
  }

  /** False for what cannot be made. */
  #createNew(
    directory: Fd,
    entry: Exclude<TreeEntry, DirectoryTreeEntry>,
    place: Place,
    plain: boolean,
  ): boolean {
    if (entry.type === "file") {
      this.#newFiles.create(directory, entry, place, plain);
      return true;
    }
    if (entry.type === "symlink") this.#files.makeSymlink(entry.target, directory, entry.name);
    else if (!this.#createNode(directory, entry, place)) return false;
    const target = { directory, name: entry.name, open: null };
    this.#metadata.apply(target, entry, this.#given(target, plain), place);
    return true;
  }

  #createNode(directory: Fd, entry: SpecialEntry, place: Place): boolean {
    if (this.#options.mayMakeNode?.(entry) === false) {
      this.#problem(place, "node_not_restored", `a ${entry.type} node cannot stand here`);
      return false;
    }
    try {
      this.#files.makeNode(directory, entry.name, { ...entry, mode: 0o600 });
      return true;
    } catch (error) {
      if (!isErrno(error, "EPERM", "EACCES", "EINVAL")) throw error;
      this.#problem(place, "node_not_restored", `no permission to make a ${entry.type} node`);
      return false;
    }
  }

  /** What belongs to a new entry: asked for once, where it is the same for all. */
  #given(target: Target, plain: boolean): Present {
    if (plain && this.#own !== null) return this.#own;
    const { directory, name, open } = target;
    const { uid, gid } = open === null ? this.#files.stat(directory, name) : this.#files.statOpen(open);
    const present = { uid, gid, mode: null, bare: plain };
    if (plain) this.#own = present;
    return present;
  }

  #problem(place: Place, code: string, message: string): void {
    this.#options.work.problem(pathOf(place), code, message);
  }
}

/**
 * True for a directory that hands down neither an access list nor its group. Then new entries have no attributes, and need
 * not be asked whose they are. To be asked only of a directory that was just made, and that nobody else may write.
 */
function isPlain(files: Files, directory: Fd): boolean {
  if ((files.statOpen(directory).mode & 0o2000) !== 0) return false;
  return !files.xattrNamesOpen(directory).some((attribute) => attribute.equals(defaultAcl));
}
