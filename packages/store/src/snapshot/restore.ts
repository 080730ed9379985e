/**
 * Puts a directory into the state of a tree. Only what differs is written: an entry that already has the right type,
 * content and metadata is left alone. A restore that was interrupted can be run again.
 */
import type { ObjectSource } from "../pack/chunks.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";
import { sameEntry } from "../tree/same.js";
import { readDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry, TreeEntry } from "../tree/entry.js";
import { Comparison } from "./compare.js";
import type { ComparisonThreads } from "./comparison-threads.js";
import { Damage, isDamage } from "./damage.js";
import { isAlone, type RunCollector } from "./file-run.js";
import { KnownLevel, type Known } from "./known.js";
import { Materializer } from "./materialize.js";
import type { Owners } from "./owners.js";
import { pathOf, rootPlace, type Place } from "./place.js";
import { countTree, removeTree } from "./remove.js";
import type { ObjectPlaces } from "./restore-batch.js";
import { countSelected, Selector, type Selection } from "./selection.js";
import type { PreviousWalk } from "./stat-cache.js";
import type { StorePlace } from "./store-place.js";
import { findUnchanged, type Unchanged } from "./unchanged.js";
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
  /** With threads: where these find objects. See `MaterializeOptions`. */
  objects?: ObjectPlaces | null;
  /** Threads of this process to help with the comparison with the last walk. */
  threads?: ComparisonThreads | null;
}

export interface RestoreCounts {
  created: number;
  changed: number;
  deleted: number;
  unchanged: number;
  writtenBytes: number;
}

/**
 * Code `path_not_found` for one of `paths` that leads to nothing; nothing is changed then. Codes `corrupt` and `chunk_missing` where
 * something stored is damaged: thrown when all else is restored; what stood in such places is as it was.
 */
export function restoreTree(
  files: Files,
  source: ObjectSource,
  root: DirectoryTreeEntry,
  target: Fd,
  options: RestoreTreeOptions,
): RestoreCounts {
  return new Restorer(files, source, target, options).run(root);
}

/** A directory that is there, or was made on the way to something wanted, being compared. */
interface Level {
  directory: Fd;
  place: Place;
  wanted: TreeEntry[];
  position: number;
  known: KnownLevel | null;
  /** Files that are missing. */
  runs: RunCollector;
  /** To be run when all below is done. */
  finish: () => void;
}

/** An entry of the tree, and what stands on disk in its place. */
interface Met {
  entry: TreeEntry;
  place: Place;
  selection: Selection;
  present: Stat | null;
  known: Known | null;
}

class Restorer {
  readonly #files: Files;
  readonly #source: ObjectSource;
  readonly #target: Fd;
  readonly #options: RestoreTreeOptions;
  readonly #selector: Selector;
  readonly #materializer: Materializer;
  readonly #damage: Damage;
  readonly #comparison: Comparison;
  readonly #unchanged: Unchanged | null;
  readonly #counts: RestoreCounts = { created: 0, changed: 0, deleted: 0, unchanged: 0, writtenBytes: 0 };

  constructor(files: Files, source: ObjectSource, target: Fd, options: RestoreTreeOptions) {
    this.#files = files;
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#selector = new Selector(options.paths);
    this.#damage = new Damage(options.work);
    this.#materializer = new Materializer(files, source, target, { ...options, damage: this.#damage });
    this.#comparison = new Comparison(files, source, this.#materializer.links, options);
    this.#unchanged = this.#findUnchanged();
  }

  run(root: DirectoryTreeEntry): RestoreCounts {
    const { dryRun, previous = null, paths } = this.#options;
    // What only the target has is wanted where it is to be removed.
    requirePaths(this.#source, root, paths ?? [], (components) => {
      return this.#options.delete && standsAt(this.#files, this.#target, components);
    });
    if (this.#unchanged?.isAll === true && previous?.root.id.equals(root.id) === true) {
      this.#countUnchanged(root);
    } else {
      const known = previous && { entry: previous.root, row: previous.walk.directories - 1 };
      const wanted = readDirectory(this.#source, root.id);
      const directory = this.#files.open(this.#target, ".", { directory: true });
      this.#walk(this.#level(directory, root, wanted, rootPlace, known, () => undefined));
    }
    const isMetadataWanted = !dryRun && this.#selector.of(rootPlace) === "all";
    if (isMetadataWanted && !this.#comparison.isDirectoryUpToDate(this.#target, root)) {
      this.#materializer.directoryMetadata(this.#target, root, rootPlace);
    }
    this.#counts.created += this.#materializer.created;
    this.#counts.writtenBytes = this.#materializer.writtenBytes;
    this.#damage.failIfAny();
    return this.#counts;
  }

  #findUnchanged(): Unchanged | null {
    const { previous = null, threads = null, paths, work } = this.#options;
    if (previous?.hasSameView !== true || paths !== null) return null;
    return findUnchanged(this.#files, this.#target, previous.walk, threads, () => work.step());
  }

  /** Depth first, with a stack of its own: how deep a tree is must not depend on the thread's stack. */
  #walk(root: Level): void {
    const levels = [root];
    try {
      for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
        const number = level.position++;
        const entry = level.wanted[number];
        if (entry === undefined) {
          level.runs.end();
          levels.pop();
          this.#materializer.finishDirectory(level.directory, level.finish);
          continue;
        }
        const below = this.#wanted(level, entry, number);
        if (below !== null) levels.push(below);
      }
      this.#materializer.flush();
    } catch (error) {
      this.#materializer.abandon();
      for (const level of levels) this.#files.close(level.directory);
      throw error;
    }
  }

  /** Takes over the descriptor. `wanted`: what is to be in the directory. */
  #level(
    directory: Fd,
    entry: DirectoryTreeEntry,
    wanted: TreeEntry[],
    place: Place,
    known: Known | null,
    finish: () => void,
  ): Level {
    try {
      if (this.#options.delete) this.#deleteOthers(directory, wanted, place);
      return {
        directory,
        place,
        wanted,
        position: 0,
        known: this.#knownLevel(entry, wanted, known),
        runs: this.#materializer.runs({ directory, plain: false }, entry.id, wanted, place),
        finish,
      };
    } catch (error) {
      this.#files.close(directory);
      throw error;
    }
  }

  #deleteOthers(directory: Fd, wanted: TreeEntry[], place: Place): void {
    const names = new Set(wanted.map((child) => child.name.toString("latin1")));
    for (const { name, key } of this.#files.list(directory)) {
      if (names.has(key)) continue;
      const childPlace = { parent: place, name };
      if (this.#selector.of(childPlace) !== "all") continue;
      if (this.#isSpared(this.#stat(directory, name), childPlace)) continue;
      this.#counts.deleted += this.#options.dryRun
        ? countTree(this.#files, directory, name)
        : removeTree(this.#files, directory, name);
    }
  }

  #knownLevel(entry: DirectoryTreeEntry, wanted: TreeEntry[], known: Known | null): KnownLevel | null {
    const walk = this.#options.previous?.walk;
    if (walk === undefined || known?.entry.type !== "directory") return null;
    const { id } = known.entry;
    try {
      return new KnownLevel(id.equals(entry.id) ? wanted : readDirectory(this.#source, id), walk, known.row);
    } catch (error) {
      // It would only have saved work.
      if (!isDamage(error)) throw error;
      return null;
    }
  }

  /** Deals with entry `number` of a directory. A level when it is one that has to be gone into. */
  #wanted(level: Level, entry: TreeEntry, number: number): Level | null {
    const place = { parent: level.place, name: entry.name };
    const selection = this.#selector.of(place);
    if (selection === "none") return null;
    this.#options.work.step();
    const known = level.known?.find(entry.name) ?? null;
    const present = this.#stat(level.directory, entry.name);
    if (entry.type === "directory" && this.#isUnchanged(entry, present, known)) {
      this.#counts.unchanged += 1;
      this.#countUnchanged(entry);
      return null;
    }
    if (present === null && selection === "all" && isAlone(entry) && !this.#options.dryRun) {
      level.runs.add(number);
      return null;
    }
    level.runs.end();
    if (present !== null && this.#options.storePlace?.isStore(present) === true) {
      this.#options.work.problem(pathOf(place), "path_blocked", "the store itself stands here");
      return null;
    }
    return this.#damage.attempt(place, () =>
      this.#entry(level.directory, { entry, place, selection, present, known }),
    );
  }

  /** True for a directory that, with all below it, is as the last walk saw it, which is as it is wanted. */
  #isUnchanged(entry: DirectoryTreeEntry, present: Stat | null, known: Known | null): boolean {
    const unchanged = this.#unchanged;
    if (unchanged === null || known === null || present === null) return false;
    return (
      unchanged.isWholeSameAlone(known.row) &&
      // What was found by its path is what stands here.
      unchanged.walk.matches(unchanged.walk.ownRow(known.row), present) &&
      sameEntry(known.entry, entry)
    );
  }

  /** Counts what is below a directory. */
  #countUnchanged({ sums }: DirectoryTreeEntry): void {
    this.#counts.unchanged += sums.files + sums.directories;
  }

  #entry(directory: Fd, met: Met): Level | null {
    const { entry, place, selection, present, known } = met;
    if (entry.type === "directory") {
      return present?.type === "directory"
        ? this.#presentDirectory(directory, entry, present, met)
        : this.#missingDirectory(directory, entry, met);
    }
    if (selection !== "all") return null;
    if (present !== null && this.#comparison.isUpToDate(directory, entry, present, known)) {
      this.#counts.unchanged += 1;
      this.#materializer.links.remember(directory, entry, place);
    } else if (this.#isSpared(present, place)) {
      return null;
    } else if (this.#options.dryRun) {
      this.#counts[present === null ? "created" : "changed"] += 1;
    } else if (present !== null) {
      this.#replace(directory, entry, place, present);
    } else {
      this.#materializer.create(directory, entry, place);
    }
    return null;
  }

  /** What is created in the place of something is counted as changed, not as created. */
  #replace(directory: Fd, entry: TreeEntry, place: Place, present: Stat): void {
    if (!this.#materializer.replace(directory, entry, place, present)) return;
    this.#counts.changed += 1;
    this.#counts.created -= 1;
  }

  #missingDirectory(
    directory: Fd,
    entry: DirectoryTreeEntry,
    { place, present, selection }: Met,
  ): Level | null {
    if (selection !== "all") {
      if (present === null) return this.#directoryOnTheWay(directory, entry, place);
      const message = `a ${present.type} stands where a directory has to be`;
      this.#options.work.problem(pathOf(place), "path_blocked", message);
    } else if (this.#options.dryRun) {
      this.#counts[present === null ? "created" : "changed"] += 1;
      this.#counts.created += entry.sums.files + entry.sums.directories;
    } else if (present !== null) {
      this.#replace(directory, entry, place, present);
    } else {
      this.#materializer.create(directory, entry, place);
    }
    return null;
  }

  #presentDirectory(
    directory: Fd,
    entry: DirectoryTreeEntry,
    present: Stat,
    { place, selection, known }: Met,
  ): Level {
    const { dryRun } = this.#options;
    const wanted = readDirectory(this.#source, entry.id);
    // Without privilege, a directory that its owner may not write is opened to him until its metadata is set.
    const opened = !dryRun && (present.mode & 0o700) !== 0o700;
    if (opened) this.#files.setMode(directory, entry.name, present.mode | 0o700);
    const child = this.#files.open(directory, entry.name, { directory: true });
    return this.#level(child, entry, wanted, place, known, () => {
      if (selection !== "all") {
        if (opened) this.#files.setMode(child, ".", present.mode);
        return;
      }
      // What counts is the state that was met; what was done below may have moved the time, which is then put back.
      const same =
        this.#comparison.hasMetadata(entry, present) && this.#comparison.hasXattrsOfOpen(child, entry);
      this.#counts[same ? "unchanged" : "changed"] += 1;
      if (dryRun || this.#comparison.isDirectoryUpToDate(child, entry)) return;
      this.#materializer.directoryMetadata(child, entry, place);
    });
  }

  /** A missing directory above a wanted path is made, with what the tree says of it. */
  #directoryOnTheWay(directory: Fd, entry: DirectoryTreeEntry, place: Place): Level | null {
    this.#counts.created += 1;
    if (this.#options.dryRun) {
      this.#counts.created += countSelected(this.#source, this.#selector, entry, place);
      return null;
    }
    const wanted = readDirectory(this.#source, entry.id);
    this.#files.makeDirectory(directory, entry.name, 0o700);
    const child = this.#files.open(directory, entry.name, { directory: true });
    return this.#level(child, entry, wanted, place, null, () => {
      this.#materializer.directoryMetadata(child, entry, place);
    });
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

  #stat(directory: Fd, name: Buffer): Stat | null {
    try {
      return this.#files.stat(directory, name);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return null;
      throw error;
    }
  }
}
