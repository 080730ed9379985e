/** Live disks: the part of the engine behind these calls. */
import type {
  ChangesMount,
  DiskCloneOptions,
  DiskDriver,
  DiskInfo,
  DiskMount,
  DiskRestoreOptions,
  DiskUsage,
  IdMap,
  InitialDirectory,
  LongCall,
  RestoreResult,
  SnapshotInfo,
  SnapshotResult,
  UpperUsage,
} from "../api.js";
import type { DiskSet } from "../disk/disks.js";
import { owners } from "../snapshot/owners.js";
import type { Repository } from "../snapshot/repository.js";
import { Work } from "../snapshot/work.js";
import { collectLeft, deleteSnapshot } from "./deletion.js";
import type { Growth } from "./growth.js";
import type { Hooks } from "./hooks.js";
import { leastBytes } from "./store-cap.js";

export interface DiskSnapshotCall {
  name?: string | undefined;
  comment?: string | undefined;
  live?: boolean | undefined;
  idMap?: IdMap | undefined;
}

export type DiskRestoreCall = Omit<DiskRestoreOptions, keyof LongCall | "pause"> & {
  live?: boolean | undefined;
};

type RestoredDisk = RestoreResult & { undo: SnapshotInfo | null };

export class DiskCalls {
  readonly #repository: Repository;
  readonly #disks: DiskSet;
  readonly #growth: Growth;

  constructor(repository: Repository, disks: DiskSet, growth: Growth) {
    this.#repository = repository;
    this.#disks = disks;
    this.#growth = growth;
  }

  create(
    _hooks: Hooks,
    options: { id: string; driver?: DiskDriver; directories?: InitialDirectory[] },
  ): DiskInfo {
    return this.#disks.create(options);
  }

  get(_hooks: Hooks, id: string): DiskInfo {
    return this.#disks.get(id);
  }

  list(_hooks: Hooks): DiskInfo[] {
    return this.#disks.list();
  }

  attach(_hooks: Hooks, id: string): DiskMount {
    return this.#disks.attach(id);
  }

  changes(_hooks: Hooks, id: string): ChangesMount {
    return this.#disks.changes(id);
  }

  detach(_hooks: Hooks, id: string): void {
    this.#disks.detach(id);
  }

  clone(hooks: Hooks, sourceId: string, options: DiskCloneOptions): DiskInfo {
    return this.#disks.clone(sourceId, options, new Work("write", hooks), owners(options.idMap));
  }

  snapshot(hooks: Hooks, id: string, options: DiskSnapshotCall): SnapshotResult {
    return this.#disks.snapshot(id, options, owners(options.idMap), new Work("scan", hooks));
  }

  snapshots(_hooks: Hooks, id: string): SnapshotInfo[] {
    this.#disks.get(id);
    return this.#repository.listSnapshots(id);
  }

  /** Keeps below the cap itself, because how depends on what is restored. */
  restore(hooks: Hooks, id: string, snapshot: string, options: DiskRestoreCall): RestoredDisk {
    const work = new Work("restore", hooks);
    const restore = (): RestoredDisk =>
      this.#disks.restore(id, snapshot, options, owners(options.idMap), work);
    const { cap } = this.#growth;
    if (options.dryRun === true) return restore();
    if (this.#disks.get(id).driver === "overlay")
      return this.#growth.within(hooks, restore, { repeatable: true });
    if (!cap.isSet) return restore();
    // Written in place, so it must not stop half way: what it comes to is known well enough before.
    const { logicalBytes } = this.#repository.getSnapshot(id, snapshot);
    cap.expect(Math.max(leastBytes, logicalBytes - this.#disks.upperUsage(id).upperBytes));
    return restore();
  }

  deleteSnapshot(hooks: Hooks, id: string, snapshot: string): { freedBytes: number } {
    this.#disks.get(id);
    return deleteSnapshot(this.#repository, hooks, id, snapshot);
  }

  delete(hooks: Hooks, id: string): { freedBytes: number } {
    const { freedBytes } = this.#disks.delete(id);
    return { freedBytes: freedBytes + collectLeft(this.#repository, hooks) };
  }

  usage(_hooks: Hooks, id: string): DiskUsage {
    return this.#disks.usage(id);
  }

  usages(_hooks: Hooks): (DiskUsage & { id: string })[] {
    return this.#disks.usages();
  }

  logicalBytes(hooks: Hooks, id: string): number {
    return this.#disks.logicalBytes(id, new Work("scan", hooks));
  }

  upperUsage(_hooks: Hooks, id: string): UpperUsage {
    return this.#disks.upperUsage(id);
  }
}
