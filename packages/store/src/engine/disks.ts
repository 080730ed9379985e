/** The disks of an open store, as calls to its engine. */
import type {
  DiskAttachment,
  DiskCloneOptions,
  DiskGrowthOptions,
  DiskDriver,
  DiskInfo,
  DiskRestoreOptions,
  Disks,
  DiskUsage,
  GrowthWatch,
  IdMap,
  InitialDirectory,
  LongCall,
  PauseHook,
  RestoreResult,
  SnapshotInfo,
  SnapshotResult,
  UpperUsage,
} from "../api.js";
import type { DiskProject } from "../disk/project.js";
import type { EngineChannel } from "./channel.js";
import { projectOfDisk, watchDiskGrowth } from "./disk-growth.js";

export class EngineDisks implements Disks {
  readonly #engine: EngineChannel;

  readonly #directory: string;

  /** Of the attached disks that are in one. */
  readonly #projects = new Map<string, DiskProject>();

  /** `directory`: that of the store. */
  constructor(engine: EngineChannel, directory: string) {
    this.#engine = engine;
    this.#directory = directory;
  }

  create(options: { id: string; driver?: DiskDriver; directories?: InitialDirectory[] }): Promise<DiskInfo> {
    return this.#engine.call("disks.create", [options]);
  }

  get(id: string): Promise<DiskInfo> {
    return this.#engine.call("disks.get", [id]);
  }

  list(): Promise<DiskInfo[]> {
    return this.#engine.call("disks.list", []);
  }

  async attach(id: string): Promise<DiskAttachment> {
    const mount = await this.#engine.call("disks.attach", [id]);
    const detach = (): Promise<void> => {
      this.#projects.delete(id);
      return this.#engine.call("disks.detach", [id]);
    };
    try {
      const project = await projectOfDisk(mount);
      if (project !== null) this.#projects.set(id, project);
    } catch (error) {
      await detach();
      throw error;
    }
    let detached: Promise<void> | null = null;
    return {
      diskId: id,
      mount,
      changes: () => this.#engine.call("disks.changes", [id]),
      detach: () => (detached ??= detach()),
    };
  }

  clone(sourceId: string, options: DiskCloneOptions): Promise<DiskInfo> {
    return this.#engine.call("disks.clone", [sourceId, options]);
  }

  snapshot(
    id: string,
    options: LongCall & { name?: string; comment?: string; pause?: PauseHook; idMap?: IdMap } = {},
  ): Promise<SnapshotResult> {
    const { signal: _signal, onProgress: _onProgress, pause, ...rest } = options;
    if (pause === undefined) return this.#engine.call("disks.snapshot", [id, rest], options);
    return this.#engine.callPaused(pause, "disks.snapshot", [id, { ...rest, live: true }], options);
  }

  snapshots(id: string): Promise<SnapshotInfo[]> {
    return this.#engine.call("disks.snapshots", [id]);
  }

  restore(
    id: string,
    snapshot: string,
    options: DiskRestoreOptions = {},
  ): Promise<RestoreResult & { undo: SnapshotInfo | null }> {
    const { signal: _signal, onProgress: _onProgress, pause, ...rest } = options;
    if (pause === undefined) return this.#engine.call("disks.restore", [id, snapshot, rest], options);
    return this.#engine.callPaused(pause, "disks.restore", [id, snapshot, { ...rest, live: true }], options);
  }

  deleteSnapshot(id: string, snapshot: string): Promise<{ freedBytes: number }> {
    return this.#engine.call("disks.deleteSnapshot", [id, snapshot]);
  }

  delete(id: string): Promise<{ freedBytes: number }> {
    return this.#engine.call("disks.delete", [id]);
  }

  usage(id: string): Promise<DiskUsage> {
    return this.#engine.call("disks.usage", [id]);
  }

  usages(): Promise<(DiskUsage & { id: string })[]> {
    return this.#engine.call("disks.usages", []);
  }

  logicalBytes(id: string): Promise<number> {
    return this.#engine.call("disks.logicalBytes", [id]);
  }

  upperUsage(id: string): Promise<UpperUsage> {
    return this.#engine.call("disks.upperUsage", [id]);
  }

  watchGrowth(id: string, options: DiskGrowthOptions): GrowthWatch {
    const project = this.#projects.get(id) ?? null;
    return watchDiskGrowth(this, { id, directory: this.#directory, project }, options);
  }
}
