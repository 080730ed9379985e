/** The library's front: an open store whose calls run in an engine beside the caller's thread. */
import { resolve } from "node:path";
import type {
  Disks,
  FsckReport,
  GcReport,
  LongCall,
  OpenStoreOptions,
  RestoreOptions,
  RestoreResult,
  SnapshotInfo,
  SnapshotOptions,
  SnapshotResult,
  Store,
  StoreUsage,
} from "./api.js";
import type { EngineChannel } from "./engine/channel.js";
import { startEngine } from "./engine/start.js";
import { EngineDisks } from "./engine/disks.js";

/** Opens the store in a directory. Codes: `not_a_store`, `store_version_unsupported`, `permission_denied`. */
export async function openStore(directory: string, options: OpenStoreOptions = {}): Promise<Store> {
  const root = resolve(directory);
  const channel = startEngine(options.host ?? { kind: "thread" }, {
    root,
    create: options.create ?? false,
  });
  try {
    await channel.ready;
  } catch (error) {
    await channel.close();
    throw error;
  }
  return new EngineStore(root, channel);
}

class EngineStore implements Store {
  readonly directory: string;
  readonly disks: Disks;
  readonly #engine: EngineChannel;

  constructor(directory: string, engine: EngineChannel) {
    this.directory = directory;
    this.#engine = engine;
    this.disks = new EngineDisks(engine);
  }

  snapshot(source: string, options: SnapshotOptions = {}): Promise<SnapshotResult> {
    const { signal: _signal, onProgress: _onProgress, ...rest } = options;
    return this.#engine.call("snapshot", [resolve(source), rest], options);
  }

  snapshots(): Promise<SnapshotInfo[]> {
    return this.#engine.call("listSnapshots", []);
  }

  getSnapshot(snapshot: string): Promise<SnapshotInfo> {
    return this.#engine.call("getSnapshot", [snapshot]);
  }

  deleteSnapshot(snapshot: string): Promise<{ freedBytes: number }> {
    return this.#engine.call("deleteSnapshot", [snapshot]);
  }

  restore(snapshot: string, target: string, options: RestoreOptions = {}): Promise<RestoreResult> {
    const { signal: _signal, onProgress: _onProgress, ...rest } = options;
    return this.#engine.call("restore", [snapshot, resolve(target), rest], options);
  }

  usage(options: LongCall = {}): Promise<StoreUsage> {
    return this.#engine.call("usage", [], options);
  }

  fsck(options: LongCall & { readData?: boolean } = {}): Promise<FsckReport> {
    return this.#engine.call("fsck", [{ readData: options.readData ?? false }], options);
  }

  gc(options: LongCall & { dryRun?: boolean } = {}): Promise<GcReport> {
    return this.#engine.call("gc", [{ dryRun: options.dryRun ?? false }], options);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
