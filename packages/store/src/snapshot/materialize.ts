/**
 * Makes entries of a tree real: creates files, directories, links and nodes with all their metadata, relative to open
 * directories and never through a symlink. What the present rights do not allow is reported as a problem.
 */
import type { ObjectSource } from "../pack/chunks.js";
import { isErrno, type Fd, type Files } from "../platform/files.js";
import { readDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry, SpecialEntry, TreeEntry } from "../tree/entry.js";
import { LinkTargets } from "./link-targets.js";
import { Metadata, type MetadataOptions, type Present, type Target } from "./metadata.js";
import { NewFiles } from "./new-file.js";
import { pathOf, type Place } from "./place.js";

export interface MaterializeOptions extends MetadataOptions {
  /** False for nodes that would mean something else where they are made. Default: all may be made. */
  mayMakeNode?: (entry: TreeEntry) => boolean;
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
  }

  get writtenBytes(): number {
    return this.#newFiles.writtenBytes;
  }

  /** Creates an entry, with all that is below a directory. The name must be free. `plain`: `directory` is; see `isPlain`. */
  create(directory: Fd, entry: TreeEntry, place: Place, plain = false): void {
    this.#options.work.step();
    if (entry.type === "directory") {
      this.#createDirectory(directory, entry, place, plain);
      return;
    }
    const link = this.links.link(directory, entry);
    if (link === "failed") this.#problem(place, "link_not_restored", "hard link became a copy");
    if (link !== "linked") {
      if (!this.#createNew(directory, entry, place, plain)) return;
      this.links.remember(directory, entry, place);
    }
    this.created += 1;
    this.#options.work.progress.files += 1;
  }

  /** Sets mode, owner, attributes and times of an open directory, after everything below it is done. */
  directoryMetadata(directory: Fd, entry: DirectoryTreeEntry, place: Place): void {
    const { uid, gid } = this.#files.statOpen(directory);
    const target = { directory, name: here, open: directory };
    this.#metadata.apply(target, entry, { uid, gid, mode: null, bare: false }, place);
  }

  #createDirectory(directory: Fd, entry: DirectoryTreeEntry, place: Place, plain: boolean): void {
    this.#files.makeDirectory(directory, entry.name, 0o700);
    this.created += 1;
    const child = this.#files.open(directory, entry.name, { directory: true });
    try {
      // What would make it other than plain is inherited.
      const childIsPlain = plain || isPlain(this.#files, child);
      for (const below of readDirectory(this.#source, entry.id)) {
        this.create(child, below, { parent: place, name: below.name }, childIsPlain);
      }
      const target = { directory: child, name: here, open: child };
      this.#metadata.apply(target, entry, this.#given(target, plain), place);
    } finally {
      this.#files.close(child);
    }
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
