/** Snapshots of plain directories, and directories made from them: the part of the engine behind these calls. */
import type { IdMap, RestoreResult, SnapshotInfo, SnapshotResult } from "../api.js";
import { StoreError } from "../errors.js";
import type { TreeId } from "../ids.js";
import { temporaryName } from "../platform/durable.js";
import { anywhere, isErrno, type Fd, type Files } from "../platform/files.js";
import { ComparisonThreads } from "../snapshot/comparison-threads.js";
import { excludePatterns } from "../snapshot/exclude.js";
import type { Lease } from "../snapshot/lease.js";
import { owners } from "../snapshot/owners.js";
import type { RecordedWalk } from "../snapshot/recorded-walk.js";
import type { Repository } from "../snapshot/repository.js";
import { restoreTree } from "../snapshot/restore.js";
import { scan } from "../snapshot/scan.js";
import { loadPreviousWalk, saveWalk, type PreviousWalk } from "../snapshot/stat-cache.js";
import { StorePlace } from "../snapshot/store-place.js";
import { Work } from "../snapshot/work.js";
import { deleteSnapshot } from "./deletion.js";
import type { Hooks } from "./hooks.js";

export interface SnapshotCall {
  name?: string | undefined;
  comment?: string | undefined;
  idMap?: IdMap | undefined;
  exclude?: string[] | undefined;
}

export interface RestoreCall {
  delete?: boolean | undefined;
  dryRun?: boolean | undefined;
  paths?: Uint8Array[] | undefined;
  idMap?: IdMap | undefined;
}

export class Directories {
  readonly #files: Files;
  readonly #repository: Repository;
  readonly #withThreads: boolean;

  /** `files`: those that nothing limits, for what is not in the store. */
  constructor(files: Files, repository: Repository, withThreads: boolean) {
    this.#files = files;
    this.#repository = repository;
    this.#withThreads = withThreads;
  }

  snapshot(hooks: Hooks, source: string, options: SnapshotCall): SnapshotResult {
    const startedAt = performance.now();
    const repository = this.#repository;
    const work = new Work("scan", hooks);
    const isExcluded = excludePatterns(options.exclude ?? []);
    const threads = this.#comparisonThreads();
    const { fd: directory, storePlace } = this.#openSource(source);
    try {
      const resolve = (pin: (tree: TreeId) => void): PreviousWalk | null =>
        loadPreviousWalk(repository, source, options, pin, threads);
      const take = (previous: PreviousWalk | null, lease: Lease): SnapshotInfo => {
        let walk: RecordedWalk | null = null;
        const added = repository.addSnapshot(
          lease,
          {
            scope: null,
            name: options.name,
            comment: options.comment,
            consistency: "idle",
            parent: null,
          },
          (writer) => {
            work.restart();
            const scanned = scan(this.#files, writer, directory, {
              owners: owners(options.idMap),
              work,
              previous,
              threads,
              storePlace,
              ...(isExcluded === null ? {} : { isExcluded }),
            });
            walk = scanned.walk;
            return scanned;
          },
        );
        if (walk !== null) saveWalk(repository, source, options, added.id, walk, previous);
        return added;
      };
      const snapshot = repository.writing(resolve, take);
      return { snapshot, durationMs: performance.now() - startedAt, problems: work.allProblems() };
    } finally {
      threads?.dismiss();
      this.#files.close(directory);
    }
  }

  #comparisonThreads(): ComparisonThreads | null {
    return this.#withThreads ? new ComparisonThreads() : null;
  }

  listSnapshots(_hooks: Hooks): SnapshotInfo[] {
    return this.#repository.listSnapshots(null);
  }

  getSnapshot(_hooks: Hooks, snapshot: string): SnapshotInfo {
    return this.#repository.getSnapshot(null, snapshot);
  }

  deleteSnapshot(hooks: Hooks, snapshot: string): { freedBytes: number } {
    return deleteSnapshot(this.#repository, hooks, null, snapshot);
  }

  restore(hooks: Hooks, snapshot: string, target: string, options: RestoreCall): RestoreResult {
    const startedAt = performance.now();
    const repository = this.#repository;
    const work = new Work("restore", hooks);
    repository.getSnapshot(null, snapshot);
    const dryRun = options.dryRun ?? false;
    const { fd: directory, empty, isNew } = this.#openTarget(target, dryRun);
    const storePlace = this.#refuseStore(directory, target);
    const threads = options.paths === undefined ? this.#comparisonThreads() : null;
    try {
      const resolve = (pin: (tree: TreeId) => void) => ({
        root: repository.pinRoot(repository.getSnapshot(null, snapshot), pin),
        previous: loadPreviousWalk(repository, target, options, pin, threads),
      });
      const counts = repository.reading(resolve, ({ root, previous }) =>
        restoreTree(this.#files, repository.chunks, root, directory, {
          owners: owners(options.idMap),
          work,
          delete: empty === null && options.delete === true,
          dryRun,
          paths: options.paths?.map((path) => Buffer.from(path)) ?? null,
          previous,
          storePlace,
          objects: this.#withThreads ? repository.layout : null,
          threads,
        }),
      );
      return { ...counts, durationMs: performance.now() - startedAt, problems: work.allProblems() };
    } catch (error) {
      if (isNew) this.#removeUnused(target);
      throw error;
    } finally {
      threads?.dismiss();
      this.#files.close(directory);
      if (empty !== null) this.#removeEmpty(empty);
    }
  }

  /** A target that was made for nothing. One that something was restored to stays: the restore can be run again. */
  #removeUnused(target: string): void {
    try {
      this.#files.removeDirectory(anywhere, target);
    } catch (error) {
      // Why the restore failed says more.
      if (!(error instanceof StoreError)) throw error;
    }
  }

  #removeEmpty(path: string): void {
    try {
      this.#files.removeDirectory(anywhere, path);
    } catch (error) {
      // Whoever empties the trash was first.
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  #openSource(source: string): { fd: Fd; storePlace: StorePlace } {
    let fd: Fd;
    try {
      fd = this.#files.open(anywhere, source, { directory: true, follow: true });
    } catch (error) {
      if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
      throw new StoreError("source_not_found", `${source} is not a directory`, { data: { path: source } });
    }
    return { fd, storePlace: this.#refuseStore(fd, source) };
  }

  /** Closes the descriptor when it is that of the store. */
  #refuseStore(fd: Fd, path: string): StorePlace {
    try {
      const place = new StorePlace(this.#files, this.#repository.layout.root);
      if (!place.isStore(this.#files.statOpen(fd))) return place;
      throw new StoreError("invalid_argument", `${path} is the store itself`, { data: { path } });
    } catch (error) {
      this.#files.close(fd);
      throw error;
    }
  }

  /** Makes the target when it is missing; a dry run compares with an empty directory instead. */
  #openTarget(target: string, dryRun: boolean): { fd: Fd; empty: string | null; isNew: boolean } {
    const open = (path: string): Fd => this.#files.open(anywhere, path, { directory: true, follow: true });
    try {
      return { fd: open(target), empty: null, isNew: false };
    } catch (error) {
      if (isErrno(error, "ENOTDIR")) {
        throw new StoreError("invalid_argument", `${target} is not a directory`, { data: { path: target } });
      }
      if (!isErrno(error, "ENOENT")) throw error;
    }
    if (dryRun) {
      const empty = `${this.#repository.layout.trash}/${temporaryName()}`;
      this.#files.makeDirectory(anywhere, empty, 0o700);
      return { fd: open(empty), empty, isNew: false };
    }
    try {
      this.#files.makeDirectory(anywhere, target, 0o700);
    } catch (error) {
      if (!isErrno(error, "ENOENT", "EEXIST")) throw error;
      const reason = isErrno(error, "EEXIST")
        ? "is a symlink to nothing"
        : "is in a directory that does not exist";
      throw new StoreError("invalid_argument", `${target} ${reason}`, { data: { path: target } });
    }
    return { fd: open(target), empty: null, isNew: true };
  }
}
