/** The library's front: an open store whose calls run in an engine beside the caller's thread. */
import { resolve } from "node:path";
import type {
  CopyOptions,
  Diff,
  DiffOptions,
  DiffSide,
  Disks,
  ExportOptions,
  FsckReport,
  GcReport,
  GrowthOptions,
  GrowthWatch,
  ImportOptions,
  LongCall,
  OpenStoreOptions,
  PathChange,
  ReadOptions,
  PhysicalUsage,
  RestoreOptions,
  RestoreResult,
  SnapshotInfo,
  SnapshotOptions,
  SnapshotResult,
  Scope,
  Store,
  SnapshotUsage,
  StoreUsage,
  TreeChange,
  TreeListing,
} from "./api.js";
import { StoreError } from "./errors.js";
import type { EngineChannel } from "./engine/channel.js";
import { startThread } from "./engine/start-thread.js";
import { EngineDisks } from "./engine/disks.js";
import { watchGrowth } from "./engine/growth-watch.js";
import type { Taken } from "./platform/allocated.js";
import { byteStream, importStream, itemStream } from "./engine/piecewise.js";

/** Opens the store in a directory. Codes: `invalid_argument`, `not_a_store`, `store_version_unsupported`, `permission_denied`. */
export async function openStore(directory: string, options: OpenStoreOptions = {}): Promise<Store> {
  const root = resolve(directory);
  const { capBytes = null } = options;
  if (capBytes !== null && !(capBytes >= 0))
    throw new StoreError("invalid_argument", `capBytes is ${capBytes}, a number from 0 is needed`, {
      data: { field: "capBytes" },
    });
  const { host = { kind: "thread" } } = options;
  const start = { root, create: options.create ?? false, capBytes };
  // What starts processes takes time to load, and most stores need none.
  const channel =
    host.kind === "thread"
      ? startThread(start)
      : (await import("./engine/start-process.js")).startProcess(host, start);
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
    this.disks = new EngineDisks(engine, directory);
  }

  snapshot(source: string, options: SnapshotOptions = {}): Promise<SnapshotResult> {
    const { signal: _signal, onProgress: _onProgress, ...rest } = options;
    return this.#engine.call("directories.snapshot", [resolve(source), rest], options);
  }

  snapshots(): Promise<SnapshotInfo[]> {
    return this.#engine.call("directories.listSnapshots", []);
  }

  getSnapshot(snapshot: string): Promise<SnapshotInfo> {
    return this.#engine.call("directories.getSnapshot", [snapshot]);
  }

  deleteSnapshot(snapshot: string): Promise<{ freedBytes: number }> {
    return this.#engine.call("directories.deleteSnapshot", [snapshot]);
  }

  restore(snapshot: string, target: string, options: RestoreOptions = {}): Promise<RestoreResult> {
    const { signal: _signal, onProgress: _onProgress, ...rest } = options;
    return this.#engine.call("directories.restore", [snapshot, resolve(target), rest], options);
  }

  usage(options: LongCall & { audit?: boolean } = {}): Promise<StoreUsage> {
    return this.#engine.call("upkeep.usage", [{ audit: options.audit ?? false }], options);
  }

  physicalUsage(options: LongCall = {}): Promise<PhysicalUsage | null> {
    return this.#engine.call("upkeep.physicalUsage", [], options);
  }

  watchGrowth(options: GrowthOptions): GrowthWatch {
    const measures = {
      named: async (): Promise<Taken> => ({ bytes: await this.onDiskBytes(), inodes: 0 }),
      unnamed: async (): Promise<number> => (await options.unlinkedBytes?.()) ?? 0,
    };
    return watchGrowth(this.directory, measures, { bytes: options.capBytes, inodes: Infinity }, options);
  }

  snapshotUsage(options: LongCall & Scope = {}): Promise<SnapshotUsage[]> {
    return this.#engine.call("upkeep.snapshotUsage", [options.diskId ?? null], options);
  }

  onDiskBytes(): Promise<number> {
    return this.#engine.call("upkeep.onDiskBytes", []);
  }

  fsck(options: LongCall & { readData?: boolean; repair?: boolean } = {}): Promise<FsckReport> {
    const { readData = false, repair = false } = options;
    return this.#engine.call("upkeep.fsck", [{ readData, repair }], options);
  }

  gc(options: LongCall & { dryRun?: boolean } = {}): Promise<GcReport> {
    return this.#engine.call("upkeep.gc", [{ dryRun: options.dryRun ?? false }], options);
  }

  async diff(from: DiffSide, to: DiffSide, options: DiffOptions = {}): Promise<Diff> {
    const { signal: _signal, onProgress: _onProgress, ...rest } = options;
    const side = (given: DiffSide): DiffSide =>
      typeof given === "string" ? given : { directory: resolve(given.directory) };
    const { stream, problems } = await this.#engine.call(
      "history.openDiff",
      [side(from), side(to), rest],
      options,
    );
    return { problems, changes: itemStream<TreeChange>(this.#engine, stream, options) };
  }

  log(path: Uint8Array, options: LongCall & Scope = {}): Promise<PathChange[]> {
    return this.#engine.call("history.log", [options.diskId ?? null, path], options);
  }

  list(snapshot: string, path: Uint8Array, options: Scope = {}): Promise<TreeListing> {
    return this.#engine.call("history.list", [options.diskId ?? null, snapshot, path]);
  }

  read(snapshot: string, path: Uint8Array, options: ReadOptions = {}): AsyncIterable<Buffer> {
    const range = { offset: options.offset ?? 0, length: options.length ?? Infinity };
    const open = () =>
      this.#engine.call("history.openRead", [options.diskId ?? null, snapshot, path, range], options);
    return byteStream(this.#engine, open, options);
  }

  export(snapshots: string[], options: ExportOptions = {}): AsyncIterable<Buffer> {
    const { diskId = null, since = null } = options;
    const open = () => this.#engine.call("bundles.openExport", [diskId, snapshots, since], options);
    return byteStream(this.#engine, open, options);
  }

  import(bundle: AsyncIterable<Uint8Array>, options: ImportOptions = {}): Promise<SnapshotInfo[]> {
    const { signal: _signal, onProgress: _onProgress, ...rest } = options;
    return importStream(this.#engine, bundle, rest, options);
  }

  copyTo(directory: string, snapshots: string[], options: CopyOptions = {}): Promise<SnapshotInfo[]> {
    const { diskId = null, rename } = options;
    return this.#engine.call("bundles.copyTo", [diskId, resolve(directory), snapshots, rename], options);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
