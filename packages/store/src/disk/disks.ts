/**
 * The disks of a store: live, writable file trees. An overlay disk is a stack of immutable layers under one writable upper,
 * which makes a clone cost the same whatever is on the disk, and a snapshot cost what has changed. All calls are
 * synchronous and run in the engine; every one of them leaves a disk as it was or as it was to be, also after a crash.
 */
import type {
  ChangesMount,
  DiskDriver,
  DiskInfo,
  DiskMount,
  DiskUsage,
  InitialDirectory,
  RestoreResult,
  SnapshotInfo,
  SnapshotResult,
  UpperUsage,
} from "../api.js";
import { StoreError, type StoreErrorCode } from "../errors.js";
import { layersMax } from "../limits.js";
import { takenUnder } from "../platform/allocated.js";
import type { AskedRegion } from "../snapshot/kept-regions.js";
import type { Lock } from "../platform/lock.js";
import { owners as ownersOf, type Owners } from "../snapshot/owners.js";
import type { Repository } from "../snapshot/repository.js";
import { Work } from "../snapshot/work.js";
import { provideChanges } from "./changes.js";
import { cloneDisk, cloneSnapshot } from "./clone.js";
import { compactWhenLong } from "./compact.js";
import type { DiskCap } from "./disk-cap.js";
import { buildDisk, describe, makeInitialDirectories, publish, syncStaged } from "./create.js";
import { deleteDisk } from "./deletion.js";
import type { DiskDescription } from "./description.js";
import { logicalBytes } from "./logical.js";
import { makeGeneration, makePlainGeneration, workName } from "./generation.js";
import { Layers } from "./layers.js";
import { DiskRegistry } from "./registry.js";
import { restoreDisk } from "./restore.js";
import { settle } from "./settle.js";
import { snapshotDisk } from "./snapshot.js";
import { StacksRegions } from "./stack-regions.js";
import { sweep, unneededLayers } from "./sweep.js";
import { buildName } from "./provide-layer.js";
import { discard, removeFromTrash } from "./trash.js";
import { LayerRegions } from "./layer-regions.js";
import { diskRegions } from "./regions.js";
import { diskUsages, layersBytes } from "./usage.js";

interface CapOptions {
  capBytes?: number | undefined;
  capInodes?: number | undefined;
}

function capOf(id: string, { capBytes = Infinity, capInodes = Infinity }: CapOptions): DiskCap {
  return { id, bytes: capBytes, inodes: capInodes };
}

/** Codes of a restore that says no before it changes what the disk shows. */
const refusals: ReadonlySet<StoreErrorCode> = new Set([
  "quota_exceeded",
  "path_not_found",
  "invalid_argument",
]);

export class DiskSet {
  readonly #repository: Repository;
  readonly #disks: DiskRegistry;
  readonly #attachments = new Map<string, Lock>();
  readonly #layersMax: number;
  /** What layers take. */
  readonly layerRegions: LayerRegions;
  readonly #stacks: StacksRegions;

  /** `layersMax`: how long a stack may grow before it is compacted. */
  constructor(repository: Repository, limits: { layersMax: number } = { layersMax }) {
    const { files, layout } = repository;
    this.#repository = repository;
    this.#layersMax = limits.layersMax;
    this.#disks = new DiskRegistry(files, layout, new Layers(files, layout));
    this.layerRegions = new LayerRegions(this.#disks, repository.regions);
    this.#stacks = new StacksRegions(this.layerRegions);
  }

  /** Codes `invalid_argument`, `disk_exists`. */
  create(options: {
    id: string;
    driver?: DiskDriver | undefined;
    directories?: InitialDirectory[] | undefined;
  }): DiskInfo {
    const { id, driver = "overlay", directories = [] } = options;
    const { files } = this.#disks;
    buildDisk(this.#disks, id, (staged) => {
      if (driver === "directory") makePlainGeneration(files, staged.generation);
      else makeGeneration(files, staged.generation, null);
      makeInitialDirectories(files, staged.files, directories);
      describe(this.#disks, staged, { driver, top: null });
      syncStaged(this.#disks, staged);
      this.#disks.guarded("exclusive", () => publish(this.#disks, this.#repository, staged));
    });
    return this.get(id);
  }

  get(id: string): DiskInfo {
    return this.#info(this.#disks.read(id));
  }

  list(): DiskInfo[] {
    return this.#disks.ids().flatMap((id) => {
      try {
        return this.get(id);
      } catch (error) {
        // Another process may delete one between listing and reading.
        if (error instanceof StoreError && error.code === "disk_not_found") return [];
        throw error;
      }
    });
  }

  /** Code `disk_in_use`. The lock is held until `detach`, `close`, or the end of the process. */
  attach(id: string): DiskMount {
    const lock = this.#disks.take(id);
    try {
      const mount = this.#mount(this.#compacted(settle(this.#disks, id)));
      this.#attachments.set(id, lock);
      return mount;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Of a disk that is attached here. Code `invalid_argument` for another. */
  changes(id: string): ChangesMount {
    if (!this.#attachments.has(id))
      throw new StoreError("invalid_argument", `disk ${JSON.stringify(id)} is not attached here`);
    return provideChanges(this.#disks, this.#disks.read(id));
  }

  /** Idempotent. */
  detach(id: string): void {
    this.#attachments.get(id)?.release();
    this.#attachments.delete(id);
  }

  clone(
    sourceId: string,
    options: { id: string; snapshot?: string | undefined } & CapOptions,
    work = new Work("write"),
    owners: Owners = ownersOf(),
  ): DiskInfo {
    const { id, snapshot } = options;
    const how = { cap: capOf(id, options), owners, work };
    if (snapshot === undefined) {
      this.#held(sourceId, (source) =>
        cloneDisk(this.#disks, this.#repository, this.#compacted(source), id, how),
      );
    } else {
      const source = this.#disks.read(sourceId);
      const wanted = this.#repository.getSnapshot(sourceId, snapshot);
      cloneSnapshot(this.#disks, this.#repository, source, wanted, id, how);
    }
    return this.get(id);
  }

  /** `live` needs the attachment that this engine holds; else the disk must be idle, code `disk_in_use`. */
  snapshot(
    id: string,
    options: { name?: string | undefined; comment?: string | undefined; live?: boolean | undefined } = {},
    owners: Owners = ownersOf(),
    work = new Work("scan"),
  ): SnapshotResult {
    const startedAt = performance.now();
    const { name, comment, live = false } = options;
    const take = (disk: DiskDescription): SnapshotInfo =>
      snapshotDisk(this.#disks, this.#repository, disk, live ? "live" : "idle", {
        name,
        comment,
        owners,
        work,
      });
    let snapshot;
    if (live) {
      snapshot = take(this.#live(id));
    } else {
      snapshot = this.#held(id, (disk) => take(this.#compacted(disk)));
    }
    return { snapshot, durationMs: performance.now() - startedAt, problems: work.allProblems() };
  }

  /**
   * Codes `disk_in_use`, `snapshot_not_found`. What is on the disk and in no snapshot is lost, unless `undo` keeps it. `live`: a dry run of a
   * disk that this engine has attached.
   */
  restore(
    id: string,
    snapshot: string,
    options: {
      undo?: boolean | undefined;
      dryRun?: boolean | undefined;
      paths?: Uint8Array[] | undefined;
      live?: boolean | undefined;
    } & CapOptions = {},
    owners: Owners = ownersOf(),
    work = new Work("restore"),
  ): RestoreResult & { undo: SnapshotInfo | null } {
    const startedAt = performance.now();
    const { undo = false, dryRun = false, paths = null, live = false } = options;
    const run = (disk: DiskDescription): RestoreResult & { undo: SnapshotInfo | null } => {
      const wanted = this.#repository.getSnapshot(id, snapshot);
      const standing = dryRun ? disk : this.#compacted(disk);
      const kept = undo && !dryRun ? this.#keepForUndo(standing, wanted, owners, work) : null;
      const present = kept === null ? standing : settle(this.#disks, id);
      let counts;
      try {
        const how = { dryRun, paths, cap: capOf(id, options), owners, work };
        counts = restoreDisk(this.#disks, this.#repository, present, wanted, how);
      } catch (error) {
        if (error instanceof StoreError && refusals.has(error.code)) {
          discard(this.#disks.files, this.#disks.path(id), [buildName]);
          // Nothing was restored, so there is nothing to undo, and the snapshot would only take more room.
          if (kept !== null) this.#repository.removeSnapshot(kept);
        }
        throw error;
      }
      const durationMs = performance.now() - startedAt;
      return { ...counts, durationMs, problems: work.allProblems(), undo: kept };
    };
    if (!live) return this.#held(id, run);
    if (!dryRun)
      throw new StoreError("invalid_argument", "only a dry run of a restore may find the disk in use", {
        data: { disk: id, field: "pause" },
      });
    return run(this.#live(id));
  }

  /** Deletes a disk and its snapshots. Their objects are freed by collection, which is the caller's to run. */
  delete(id: string): { freedBytes: number } {
    const freedBytes = this.#held(id, () => {
      const trashed = deleteDisk(this.#disks, this.#repository, id);
      return removeFromTrash(this.#disks.files, this.#disks.layout.trash, [trashed]);
    });
    return { freedBytes: freedBytes + this.sweepLayers().freedBytes };
  }

  usage(id: string): DiskUsage {
    const [usage] = this.#usagesOf([this.#disks.read(id).id]);
    return usage as DiskUsage;
  }

  /** Of all disks, in the order of their ids. */
  usages(): (DiskUsage & { id: string })[] {
    const ids = this.#disks.ids();
    const usages = this.#usagesOf(ids);
    return ids.map((id, n) => ({ id, ...(usages[n] as DiskUsage) }));
  }

  /** What each disk takes beside its layers. */
  regions(): AskedRegion[] {
    return diskRegions(this.#disks, this.#disks.ids());
  }

  logicalBytes(id: string, work = new Work("scan")): number {
    return logicalBytes(this.#disks, this.#repository, this.#disks.read(id), work);
  }

  /** As `usage` says it. */
  upperUsage(id: string): UpperUsage {
    const { id: known } = this.#disks.read(id);
    const { bytes, inodes } = takenUnder(this.#disks.files, this.#disks.path(known));
    return { upperBytes: bytes, upperInodes: inodes };
  }

  /** What `sweepLayers` would remove, trash not counted. */
  unneededLayers(): { allocatedBytes: number; count: number } {
    return this.#disks.guarded("exclusive", () => {
      const layers = unneededLayers(this.#disks) ?? [];
      return { allocatedBytes: layersBytes(this.#disks, layers), count: layers.length };
    });
  }

  /** Removes layers that no disk stands on, and whatever crashes have left. Returns the allocated bytes that came back. */
  sweepLayers(): { freedBytes: number; count: number } {
    return sweep(this.#disks, this.#repository);
  }

  /** Detaches all. Idempotent. */
  close(): void {
    for (const id of [...this.#attachments.keys()]) this.detach(id);
  }

  /** A disk that is in use here, whose writers stand still. Code `invalid_argument`. */
  #live(id: string): DiskDescription {
    const disk = this.#disks.read(id);
    if (this.#attachments.has(id)) return disk;
    throw new StoreError("invalid_argument", `disk ${JSON.stringify(id)} is not attached here`, {
      data: { disk: id, field: "pause" },
    });
  }

  #usagesOf(ids: readonly string[]): DiskUsage[] {
    const of = { layers: this.layerRegions, stacks: this.#stacks, kept: this.#repository.regions };
    return diskUsages(this.#disks, of, ids);
  }

  #held<Result>(id: string, run: (disk: DiskDescription) => Result): Result {
    const lock = this.#disks.take(id);
    try {
      return run(settle(this.#disks, id));
    } finally {
      lock.release();
    }
  }

  /** Before what may add a layer, or mount all; after `settle`. */
  #compacted(disk: DiskDescription): DiskDescription {
    return compactWhenLong(this.#disks, disk, this.#layersMax);
  }

  #info(disk: DiskDescription): DiskInfo {
    return {
      id: disk.id,
      driver: disk.driver,
      createdAtMs: disk.createdAtMs,
      layers: this.#disks.stack(disk).length,
      attached: this.#attachments.has(disk.id) || this.#disks.isTaken(disk.id),
    };
  }

  #mount(disk: DiskDescription): DiskMount {
    const upper = this.#disks.upperPath(disk);
    if (disk.driver === "directory") return { driver: "directory", path: upper };
    return {
      driver: "overlay",
      layersDir: this.#disks.layout.layers,
      lower: this.#disks.layers.lower(this.#disks.stack(disk)),
      upper,
      work: `${this.#disks.path(disk.id)}/${disk.upper}/${workName}`,
    };
  }

  #keepForUndo(disk: DiskDescription, wanted: SnapshotInfo, owners: Owners, work: Work): SnapshotInfo {
    const { refs } = this.#repository;
    const stamp = new Date().toISOString().slice(0, 23).replaceAll(/[-:.]/g, "").replace("T", "-");
    let name = `undo-${stamp}`;
    for (let n = 2; refs.read(disk.id, name) !== null; n++) name = `undo-${stamp}-${n}`;
    const comment = `before restoring ${JSON.stringify(wanted.name)}`;
    return snapshotDisk(this.#disks, this.#repository, disk, "idle", { name, comment, owners, work });
  }
}
