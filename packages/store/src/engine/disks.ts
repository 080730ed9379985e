/** The disks of an open store, as calls to its engine. */
import type {
  DiskAttachment,
  DiskDriver,
  DiskInfo,
  Disks,
  DiskUsage,
  IdMap,
  InitialDirectory,
  LongCall,
  PauseHook,
  RestoreResult,
  SnapshotInfo,
  SnapshotResult,
} from "../api.js";
import type { EngineChannel } from "./channel.js";

export class EngineDisks implements Disks {
  readonly #engine: EngineChannel;

  constructor(engine: EngineChannel) {
    this.#engine = engine;
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
    let detached: Promise<void> | null = null;
    return {
      diskId: id,
      mount,
      changes: () => this.#engine.call("disks.changes", [id]),
      detach: () => (detached ??= this.#engine.call("disks.detach", [id])),
    };
  }

  clone(sourceId: string, options: { id: string; snapshot?: string; idMap?: IdMap }): Promise<DiskInfo> {
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
    options: LongCall & { undo?: boolean; dryRun?: boolean; paths?: Uint8Array[]; idMap?: IdMap } = {},
  ): Promise<RestoreResult & { undo: SnapshotInfo | null }> {
    const { signal: _signal, onProgress: _onProgress, ...rest } = options;
    return this.#engine.call("disks.restore", [id, snapshot, rest], options);
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

  upperBytes(id: string): Promise<number> {
    return this.#engine.call("disks.upperBytes", [id]);
  }
}
