/**
 * Puts a directory into the state of a tree. Only what differs is written: an entry that already has the right type,
 * content and metadata is left alone. A restore that was interrupted can be run again.
 */
import type { ObjectSource } from "../pack/chunks.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";
import { readDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry, TreeEntry } from "../tree/entry.js";
import { Comparison } from "./compare.js";
import { KnownLevel, type Known } from "./known.js";
import { Materializer } from "./materialize.js";
import type { Owners } from "./owners.js";
import { pathOf, rootPlace, type Place } from "./place.js";
import { countTree, removeTree } from "./remove.js";
import { Selector, type Selection } from "./selection.js";
import type { PreviousWalk } from "./stat-cache.js";
import type { StorePlace } from "./store-place.js";
import { requirePaths, standsAt } from "./wanted-paths.js";
import type { Work } from "./work.js";

export interface RestoreTreeOptions {
  owners: Owners;
  work: Work;
  delete: boolean;
  dryRun: boolean;
  /** Null: everything. Else only these paths with what is below them. */
  paths: Buffer[] | null;
  /** The last walk of the target: of what did not change since, the content need not be read to be compared. */
  previous?: PreviousWalk | null;
  /** The store, which is neither removed nor written to where it stands in the target. */
  storePlace?: StorePlace;
}

export interface RestoreCounts {
  created: number;
  changed: number;
  deleted: number;
  unchanged: number;
  writtenBytes: number;
}

/** Code `path_not_found` for one of `paths` that leads to nothing; nothing is changed then. */
export function restoreTree(
  files: Files,
  source: ObjectSource,
  root: DirectoryTreeEntry,
  target: Fd,
  options: RestoreTreeOptions,
): RestoreCounts {
  return new Restorer(files, source, target, options).run(root);
}

class Restorer {
  readonly #files: Files;
  readonly #source: ObjectSource;
  readonly #target: Fd;
  readonly #options: RestoreTreeOptions;
  readonly #selector: Selector;
  readonly #materializer: Materializer;
  readonly #comparison: Comparison;
  readonly #counts: RestoreCounts = { created: 0, changed: 0, deleted: 0, unchanged: 0, writtenBytes: 0 };

  constructor(files: Files, source: ObjectSource, target: Fd, options: RestoreTreeOptions) {
    this.#files = files;
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#selector = new Selector(options.paths);
    this.#materializer = new Materializer(files, source, target, options);
    this.#comparison = new Comparison(files, source, this.#materializer.links, options);
  }

  run(root: DirectoryTreeEntry): RestoreCounts {
    // What only the target has is wanted where it is to be removed.
    requirePaths(this.#source, root, this.#options.paths ?? [], (components) => {
      return this.#options.delete && standsAt(this.#files, this.#target, components);
    });
    const previous = this.#options.previous ?? null;
    const known = previous && { entry: previous.root, row: previous.walk.directories - 1 };
    this.#children(this.#target, root, rootPlace, known);
    if (!this.#options.dryRun && this.#selector.of(rootPlace) === "all") {
      this.#materializer.directoryMetadata(this.#target, root, rootPlace);
    }
    this.#counts.created += this.#materializer.created;
    this.#counts.writtenBytes = this.#materializer.writtenBytes;
    return this.#counts;
  }

  #children(directory: Fd, entry: DirectoryTreeEntry, place: Place, known: Known | null): void {
    const wanted = readDirectory(this.#source, entry.id);
    if (this.#options.delete) {
      const names = new Set(wanted.map((child) => child.name.toString("latin1")));
      for (const { name, key } of this.#files.list(directory)) {
        if (names.has(key)) continue;
        const childPlace = { parent: place, name };
        if (this.#selector.of(childPlace) !== "all") continue;
        if (!this.#isSpared(this.#stat(directory, name), childPlace)) this.#delete(directory, name);
      }
    }
    const level = this.#knownLevel(entry, wanted, known);
    for (const child of wanted) {
      this.#entry(directory, child, { parent: place, name: child.name }, level?.find(child.name) ?? null);
    }
  }

  #knownLevel(entry: DirectoryTreeEntry, wanted: TreeEntry[], known: Known | null): KnownLevel | null {
    const walk = this.#options.previous?.walk;
    if (walk === undefined || known?.entry.type !== "directory") return null;
    const { id } = known.entry;
    return new KnownLevel(id.equals(entry.id) ? wanted : readDirectory(this.#source, id), walk, known.row);
  }

  #entry(directory: Fd, entry: TreeEntry, place: Place, known: Known | null): void {
    const selection = this.#selector.of(place);
    if (selection === "none") return;
    this.#options.work.step();
    const present = this.#stat(directory, entry.name);
    if (present !== null && this.#options.storePlace?.isStore(present) === true) {
      this.#options.work.problem(pathOf(place), "path_blocked", "the store itself stands here");
      return;
    }
    if (entry.type === "directory") {
      if (present?.type === "directory") {
        this.#presentDirectory(directory, entry, place, { present, selection, known });
      } else this.#missingDirectory(directory, entry, place, present, selection);
      return;
    }
    if (selection !== "all") return;
    if (present !== null && this.#comparison.isUpToDate(directory, entry, present, known)) {
      this.#counts.unchanged += 1;
      this.#materializer.links.remember(directory, entry, place);
      return;
    }
    if (this.#isSpared(present, place)) return;
    if (this.#options.dryRun) {
      this.#counts[present === null ? "created" : "changed"] += 1;
      return;
    }
    if (present !== null) {
      this.#replace(directory, entry, place);
      return;
    }
    this.#materializer.create(directory, entry, place);
  }

  /** What is created in the place of something is counted as changed, not as created. */
  #replace(directory: Fd, entry: TreeEntry, place: Place): void {
    removeTree(this.#files, directory, entry.name);
    const createdBefore = this.#materializer.created;
    this.#materializer.create(directory, entry, place);
    this.#counts.changed += 1;
    if (this.#materializer.created > createdBefore) this.#counts.created -= 1;
  }

  #missingDirectory(
    directory: Fd,
    entry: DirectoryTreeEntry,
    place: Place,
    present: Stat | null,
    selection: Selection,
  ): void {
    if (selection !== "all") {
      if (present === null) this.#directoryOnTheWay(directory, entry, place);
      else {
        const message = `a ${present.type} stands where a directory has to be`;
        this.#options.work.problem(pathOf(place), "path_blocked", message);
      }
      return;
    }
    if (this.#options.dryRun) {
      this.#counts[present === null ? "created" : "changed"] += 1;
      this.#counts.created += entry.sums.files + entry.sums.directories;
      return;
    }
    if (present !== null) this.#replace(directory, entry, place);
    else this.#materializer.create(directory, entry, place);
  }

  #presentDirectory(
    directory: Fd,
    entry: DirectoryTreeEntry,
    place: Place,
    { present, selection, known }: { present: Stat; selection: Selection; known: Known | null },
  ): void {
    const { dryRun } = this.#options;
    // Without privilege, a directory that its owner may not write is opened to him until its metadata is set.
    const opened = !dryRun && (present.mode & 0o700) !== 0o700;
    if (opened) this.#files.setMode(directory, entry.name, present.mode | 0o700);
    const child = this.#files.open(directory, entry.name, { directory: true });
    try {
      this.#children(child, entry, place, known);
      if (selection !== "all") {
        if (opened) this.#files.setMode(child, ".", present.mode);
        return;
      }
      const sameXattrs = this.#comparison.hasXattrsOfOpen(child, entry);
      // What counts is the state that was met; what was done below may have moved the time, which is then put back.
      const same = sameXattrs && this.#comparison.hasMetadata(entry, present);
      this.#counts[same ? "unchanged" : "changed"] += 1;
      if (dryRun) return;
      if (sameXattrs && this.#comparison.hasMetadata(entry, this.#files.statOpen(child))) return;
      this.#materializer.directoryMetadata(child, entry, place);
    } finally {
      this.#files.close(child);
    }
  }

  /** A missing directory above a wanted path is made, with what the tree says of it. */
  #directoryOnTheWay(directory: Fd, entry: DirectoryTreeEntry, place: Place): void {
    this.#counts.created += 1;
    if (this.#options.dryRun) {
      this.#countSelected(entry, place);
      return;
    }
    this.#files.makeDirectory(directory, entry.name, 0o700);
    const child = this.#files.open(directory, entry.name, { directory: true });
    try {
      this.#children(child, entry, place, null);
      this.#materializer.directoryMetadata(child, entry, place);
    } finally {
      this.#files.close(child);
    }
  }

  /** Counts as created what is selected below a directory that is missing. */
  #countSelected(entry: DirectoryTreeEntry, place: Place): void {
    for (const child of readDirectory(this.#source, entry.id)) {
      const childPlace = { parent: place, name: child.name };
      const selection = this.#selector.of(childPlace);
      if (selection === "none" || (selection === "some" && child.type !== "directory")) continue;
      this.#counts.created += 1;
      if (child.type !== "directory") continue;
      if (selection === "some") this.#countSelected(child, childPlace);
      else this.#counts.created += child.sums.files + child.sums.directories;
    }
  }

  /** True for the store and what it stands in: these are never removed. */
  #isSpared(present: Stat | null, place: Place): boolean {
    const { storePlace, work } = this.#options;
    if (present === null || storePlace?.holdsStore(present) !== true) return false;
    if (!storePlace.isStore(present)) {
      work.problem(pathOf(place), "holds_store", "is not removed, because the store is in it");
    }
    return true;
  }

  #delete(directory: Fd, name: Buffer): void {
    this.#counts.deleted += this.#options.dryRun
      ? countTree(this.#files, directory, name)
      : removeTree(this.#files, directory, name);
  }

  #stat(directory: Fd, name: Buffer): Stat | null {
    try {
      return this.#files.stat(directory, name);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return null;
      throw error;
    }
  }
}
