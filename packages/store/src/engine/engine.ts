/**
 * The store's operations, synchronous and complete. One engine runs one call at a time, in a thread or process of its own;
 * several engines, also in other processes, may work on one store at once.
 */
import type {
  DiffSide,
  DiskDriver,
  DiskInfo,
  DiskMount,
  DiskUsage,
  FsckReport,
  GcReport,
  IdMap,
  InitialDirectory,
  PathChange,
  Problem,
  RestoreResult,
  SnapshotInfo,
  SnapshotResult,
  SnapshotUsage,
  StoreUsage,
  TreeListing,
} from "../api.js";
import { DiskSet } from "../disk/disks.js";
import { StoreError } from "../errors.js";
import { fsck } from "../maintenance/fsck.js";
import { repairStore } from "../maintenance/repair.js";
import { isDamage } from "../maintenance/check/findings.js";
import { collect, foretell } from "../maintenance/collect.js";
import type { CollectionPlan } from "../maintenance/plan.js";
import { snapshotUsages } from "../maintenance/snapshot-usage.js";
import { measureUsage } from "../maintenance/usage.js";
import type { TreeId } from "../ids.js";
import { allocatedUnder } from "../platform/allocated.js";
import { temporaryName } from "../platform/durable.js";
import { withLock } from "../platform/lock.js";
import { anywhere, isErrno, type Fd, type Files } from "../platform/files.js";
import { excludePatterns } from "../snapshot/exclude.js";
import { owners } from "../snapshot/owners.js";
import type { Lease } from "../snapshot/lease.js";
import { Repository } from "../snapshot/repository.js";
import { restoreTree } from "../snapshot/restore.js";
import type { RecordedWalk } from "../snapshot/recorded-walk.js";
import { scan } from "../snapshot/scan.js";
import { loadPreviousWalk, saveWalk, type PreviousWalk } from "../snapshot/stat-cache.js";
import { StorePlace } from "../snapshot/store-place.js";
import { Work } from "../snapshot/work.js";
import { cappedFiles } from "../platform/capped-files.js";
import { History, type DiffCall, type ImportCall } from "./history.js";
import type { Hooks } from "./hooks.js";
import { leastBytes, StoreCap } from "./store-cap.js";
import type { StreamHandle } from "./streams.js";

export type { Hooks };

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

export interface DiskSnapshotCall {
  name?: string | undefined;
  comment?: string | undefined;
  live?: boolean | undefined;
  idMap?: IdMap | undefined;
}

export interface DiskRestoreCall {
  undo?: boolean | undefined;
  dryRun?: boolean | undefined;
  paths?: Uint8Array[] | undefined;
  idMap?: IdMap | undefined;
}

export class Engine {
  readonly #files: Files;
  readonly #repository: Repository;
  readonly #disks: DiskSet;
  readonly #history: History;

  readonly #withThreads: boolean;
  readonly #cap: StoreCap;

  private constructor(files: Files, repository: Repository, cap: StoreCap, withThreads: boolean) {
    this.#files = files;
    this.#cap = cap;
    this.#withThreads = withThreads;
    this.#repository = repository;
    this.#disks = new DiskSet(repository);
    this.#history = new History(repository);
  }

  /**
   * `create`: make the store when there is none yet. `withThreads`: `files` are the kernel's own, which other threads of this
   * process reach too, so that they may help. `capBytes`: the most that the store may take, see `OpenStoreOptions`.
   */
  static open(
    files: Files,
    root: string,
    options: { create: boolean; withThreads?: boolean; capBytes?: number },
  ): Engine {
    const { create, withThreads = false, capBytes = Infinity } = options;
    const cap = new StoreCap(files, root, capBytes);
    const capped = capBytes === Infinity ? files : cappedFiles(files, cap);
    const open = (): Engine => new Engine(files, Repository.open(capped, root), cap, withThreads);
    try {
      return open();
    } catch (error) {
      if (!create || !(error instanceof StoreError) || error.code !== "not_a_store") throw error;
      Repository.create(files, root);
      return open();
    }
  }

  snapshot(hooks: Hooks, source: string, options: SnapshotCall): SnapshotResult {
    const startedAt = performance.now();
    const repository = this.#repository;
    const work = new Work("scan", hooks);
    const isExcluded = excludePatterns(options.exclude ?? []);
    const { fd: directory, storePlace } = this.#openSource(source);
    try {
      const resolve = (pin: (tree: TreeId) => void): PreviousWalk | null =>
        loadPreviousWalk(repository, source, options, pin);
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
              withThreads: this.#withThreads,
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
      const snapshot = this.#growing(hooks, () => repository.writing(resolve, take));
      return { snapshot, durationMs: performance.now() - startedAt, problems: work.allProblems() };
    } finally {
      this.#files.close(directory);
    }
  }

  listSnapshots(_hooks: Hooks): SnapshotInfo[] {
    return this.#repository.listSnapshots(null);
  }

  getSnapshot(_hooks: Hooks, snapshot: string): SnapshotInfo {
    return this.#repository.getSnapshot(null, snapshot);
  }

  deleteSnapshot(hooks: Hooks, snapshot: string): { freedBytes: number } {
    return this.#deleteSnapshot(hooks, null, snapshot);
  }

  restore(hooks: Hooks, snapshot: string, target: string, options: RestoreCall): RestoreResult {
    const startedAt = performance.now();
    const repository = this.#repository;
    const work = new Work("restore", hooks);
    repository.getSnapshot(null, snapshot);
    const dryRun = options.dryRun ?? false;
    const { fd: directory, empty } = this.#openTarget(target, dryRun);
    const storePlace = this.#refuseStore(directory, target);
    try {
      const resolve = (pin: (tree: TreeId) => void) => ({
        root: repository.pinRoot(repository.getSnapshot(null, snapshot), pin),
        previous: loadPreviousWalk(repository, target, options, pin),
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
        }),
      );
      return { ...counts, durationMs: performance.now() - startedAt, problems: work.allProblems() };
    } finally {
      this.#files.close(directory);
      if (empty !== null) this.#removeEmpty(empty);
    }
  }

  usage(hooks: Hooks, options: { audit: boolean } = { audit: false }): StoreUsage {
    const work = new Work("check", hooks);
    return this.#repository.withObjects(() => measureUsage(this.#repository, work, options));
  }

  snapshotUsage(hooks: Hooks, scope: string | null): SnapshotUsage[] {
    const work = new Work("check", hooks);
    return this.#repository.withObjects(() => snapshotUsages(this.#repository, scope, work));
  }

  fsck(hooks: Hooks, options: { readData: boolean; repair?: boolean }): FsckReport {
    const repository = this.#repository;
    const work = new Work("check", hooks);
    if (options.repair !== true) {
      return repository.withObjects(() => fsck(repository, work, options.readData));
    }
    const { collectLock, objectsLock } = repository.layout;
    return withLock(this.#files, collectLock, "exclusive", () =>
      withLock(this.#files, objectsLock, "exclusive", () => {
        repository.chunks.reload();
        return repairStore(repository, work);
      }),
    );
  }

  gc(hooks: Hooks, options: { dryRun: boolean }): GcReport {
    const startedAt = performance.now();
    const repository = this.#repository;
    const report = (plan: CollectionPlan, freedBytes: number, deletedLayers: number): GcReport => ({
      dryRun: options.dryRun,
      freedBytes,
      deletedPacks: plan.deleted.length,
      rewrittenPacks: plan.rewritten.length,
      deletedLayers,
      durationMs: performance.now() - startedAt,
    });
    if (options.dryRun) {
      const layers = this.#disks.unneededLayers();
      return repository.withObjects(() => {
        const { plan, freedBytes } = foretell(repository, new Work("collect", hooks));
        return report(plan, freedBytes + layers.allocatedBytes, layers.count);
      });
    }
    const layers = this.#disks.sweepLayers();
    const collected = collect(repository, new Work("collect", hooks), { thin: true });
    return report(collected.plan, collected.freedBytes + layers.freedBytes, layers.count);
  }

  openDiff(
    hooks: Hooks,
    from: DiffSide,
    to: DiffSide,
    options: DiffCall,
  ): { stream: StreamHandle; problems: Problem[] } {
    return this.#history.openDiff(hooks, from, to, options);
  }

  log(hooks: Hooks, scope: string | null, path: Uint8Array): PathChange[] {
    return this.#history.log(hooks, scope, path);
  }

  list(_hooks: Hooks, scope: string | null, snapshot: string, path: Uint8Array): TreeListing {
    return this.#history.list(scope, snapshot, path);
  }

  openRead(
    _hooks: Hooks,
    scope: string | null,
    snapshot: string,
    path: Uint8Array,
    range: { offset: number; length: number },
  ): StreamHandle {
    return this.#history.openRead(scope, snapshot, path, range);
  }

  openExport(_hooks: Hooks, scope: string | null, snapshots: string[], since: string | null): StreamHandle {
    return this.#history.openExport(scope, snapshots, since);
  }

  nextPiece(hooks: Hooks, stream: StreamHandle): { piece: unknown } | null {
    return this.#history.next(hooks, stream);
  }

  closeStream(_hooks: Hooks, stream: StreamHandle): void {
    this.#history.closeStream(stream);
  }

  beginImport(hooks: Hooks, options: ImportCall): number {
    if (options.diskId !== undefined) this.#disks.get(options.diskId);
    return this.#growing(hooks, () => this.#history.beginImport(options));
  }

  importPiece(hooks: Hooks, handle: number, bytes: Uint8Array): void {
    this.#growing(hooks, () => this.#history.importPiece(handle, bytes));
  }

  finishImport(hooks: Hooks, handle: number): SnapshotInfo[] {
    return this.#growing(hooks, () => this.#history.finishImport(hooks, handle));
  }

  abandonImport(_hooks: Hooks, handle: number): void {
    this.#history.abandonImport(handle);
  }

  copyTo(
    hooks: Hooks,
    scope: string | null,
    directory: string,
    snapshots: string[],
    rename: Record<string, string> | undefined,
  ): SnapshotInfo[] {
    return this.#history.copyTo(hooks, scope, directory, snapshots, rename);
  }

  createDisk(
    hooks: Hooks,
    options: { id: string; driver?: DiskDriver; directories?: InitialDirectory[] },
  ): DiskInfo {
    return this.#growing(hooks, () => this.#disks.create(options));
  }

  getDisk(_hooks: Hooks, id: string): DiskInfo {
    return this.#disks.get(id);
  }

  listDisks(_hooks: Hooks): DiskInfo[] {
    return this.#disks.list();
  }

  attachDisk(_hooks: Hooks, id: string): DiskMount {
    return this.#disks.attach(id);
  }

  detachDisk(_hooks: Hooks, id: string): void {
    this.#disks.detach(id);
  }

  cloneDisk(
    hooks: Hooks,
    sourceId: string,
    options: { id: string; snapshot?: string; idMap?: IdMap },
  ): DiskInfo {
    const work = new Work("write", hooks);
    return this.#growing(hooks, () => this.#disks.clone(sourceId, options, work, owners(options.idMap)));
  }

  snapshotDisk(hooks: Hooks, id: string, options: DiskSnapshotCall): SnapshotResult {
    const work = new Work("scan", hooks);
    return this.#growing(hooks, () => this.#disks.snapshot(id, options, owners(options.idMap), work));
  }

  diskSnapshots(_hooks: Hooks, id: string): SnapshotInfo[] {
    this.#disks.get(id);
    return this.#repository.listSnapshots(id);
  }

  restoreDisk(
    hooks: Hooks,
    id: string,
    snapshot: string,
    options: DiskRestoreCall,
  ): RestoreResult & { undo: SnapshotInfo | null } {
    const work = new Work("restore", hooks);
    const restore = (): RestoreResult & { undo: SnapshotInfo | null } =>
      this.#disks.restore(id, snapshot, options, owners(options.idMap), work);
    if (options.dryRun === true || !this.#cap.isSet) return restore();
    if (this.#disks.get(id).driver === "overlay") return this.#growing(hooks, restore);
    // Written in place, so it must not stop half way: what it comes to is known well enough before.
    const { logicalBytes } = this.#repository.getSnapshot(id, snapshot);
    this.#cap.expect(Math.max(leastBytes, logicalBytes - this.#disks.upperBytes(id)));
    return restore();
  }

  deleteDiskSnapshot(hooks: Hooks, id: string, snapshot: string): { freedBytes: number } {
    this.#disks.get(id);
    return this.#deleteSnapshot(hooks, id, snapshot);
  }

  deleteDisk(hooks: Hooks, id: string): { freedBytes: number } {
    const { freedBytes } = this.#disks.delete(id);
    return { freedBytes: freedBytes + this.#collectLeft(hooks) };
  }

  diskUsage(_hooks: Hooks, id: string): DiskUsage {
    return this.#disks.usage(id);
  }

  diskUpperBytes(_hooks: Hooks, id: string): number {
    return this.#disks.upperBytes(id);
  }

  onDiskBytes(_hooks: Hooks): number {
    return allocatedUnder(this.#files, this.#repository.layout.root);
  }

  /** Detaches all disks and frees all locks. Idempotent. */
  close(): void {
    this.#history.close();
    this.#disks.close();
    this.#repository.close();
  }

  #deleteSnapshot(hooks: Hooks, scope: string | null, snapshot: string): { freedBytes: number } {
    const found = this.#repository.getSnapshot(scope, snapshot);
    const freedBytes = this.#repository.removeSnapshot(found);
    return { freedBytes: freedBytes + this.#collectLeft(hooks) };
  }

  /** For what stores something: never beyond the cap, and what it leaves behind when it would go beyond is freed at once. */
  #growing<Result>(hooks: Hooks, run: () => Result): Result {
    return this.#cap.within(run, () => {
      try {
        this.#disks.sweepLayers();
        this.#collectLeft(hooks);
      } catch (error) {
        // The cap says more than what kept this from being tidied up now; the next collection does it.
        if (!(error instanceof StoreError)) throw error;
      }
    });
  }

  /** After a deletion, which is done: that damage elsewhere hides what is needed keeps everything, and is no failure of it. */
  #collectLeft(hooks: Hooks): number {
    try {
      return collect(this.#repository, new Work("collect", hooks), { thin: false }).freedBytes;
    } catch (error) {
      if (isDamage(error)) return 0;
      throw error;
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
  #openTarget(target: string, dryRun: boolean): { fd: Fd; empty: string | null } {
    const open = (path: string): Fd => this.#files.open(anywhere, path, { directory: true, follow: true });
    try {
      return { fd: open(target), empty: null };
    } catch (error) {
      if (isErrno(error, "ENOTDIR")) {
        throw new StoreError("invalid_argument", `${target} is not a directory`, { data: { path: target } });
      }
      if (!isErrno(error, "ENOENT")) throw error;
    }
    if (dryRun) {
      const empty = `${this.#repository.layout.trash}/${temporaryName()}`;
      this.#files.makeDirectory(anywhere, empty, 0o700);
      return { fd: open(empty), empty };
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
    return { fd: open(target), empty: null };
  }
}
