/**
 * The store's operations, synchronous and complete. One engine runs one call at a time, in a thread or process of its own;
 * several engines, also in other processes, may work on one store at once.
 */
import { DiskSet } from "../disk/disks.js";
import { StoreError } from "../errors.js";
import { cappedFiles } from "../platform/capped-files.js";
import type { Files } from "../platform/files.js";
import { createStore } from "../snapshot/format-file.js";
import { Repository } from "../snapshot/repository.js";
import { Bundles } from "./bundles.js";
import { Directories } from "./directories.js";
import { DiskCalls } from "./disk-calls.js";
import { Growth } from "./growth.js";
import { History } from "./history.js";
import type { Hooks } from "./hooks.js";
import type { MethodArguments, MethodName, MethodResult, Parts } from "./messages.js";
import { StoreCap } from "./store-cap.js";
import { Streams } from "./streams.js";
import { Upkeep } from "./upkeep.js";

/** Calls that store something, which `run` keeps below the cap; and whether one that failed may be begun anew. */
const storing: ReadonlyMap<MethodName, { repeatable: boolean }> = new Map([
  ["directories.snapshot", { repeatable: true }],
  ["bundles.beginImport", { repeatable: true }],
  ["bundles.importPiece", { repeatable: false }],
  ["bundles.finishImport", { repeatable: false }],
  ["disks.create", { repeatable: true }],
  ["disks.clone", { repeatable: true }],
  ["disks.snapshot", { repeatable: true }],
]);

export class Engine implements Parts {
  readonly directories: Directories;
  readonly history: History;
  readonly bundles: Bundles;
  readonly streams = new Streams();
  readonly disks: DiskCalls;
  readonly upkeep: Upkeep;
  readonly #repository: Repository;
  readonly #disks: DiskSet;
  readonly #growth: Growth;

  private constructor(files: Files, repository: Repository, cap: StoreCap, withThreads: boolean) {
    const disks = new DiskSet(repository);
    this.#repository = repository;
    this.#disks = disks;
    this.#growth = new Growth(cap, repository, disks);
    this.directories = new Directories(files, repository, withThreads);
    this.history = new History(repository, this.streams);
    this.bundles = new Bundles(repository, disks, this.streams);
    this.disks = new DiskCalls(repository, disks, this.#growth);
    this.upkeep = new Upkeep(files, repository, disks);
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
      createStore(files, root);
      return open();
    }
  }

  /** Calls a method of one of the parts, as its owner names it. */
  run<Name extends MethodName>(hooks: Hooks, name: Name, args: MethodArguments<Name>): MethodResult<Name> {
    const [part, method] = name.split(".") as [keyof Parts, string];
    const methods = this[part] as unknown as Record<
      string,
      (hooks: Hooks, ...rest: unknown[]) => MethodResult<Name>
    >;
    const call = (): MethodResult<Name> =>
      (methods[method] as (typeof methods)[string]).call(methods, hooks, ...args);
    const growing = storing.get(name);
    return growing === undefined ? call() : this.#growth.within(hooks, call, growing);
  }

  /** Detaches all disks and frees all locks. Idempotent. */
  close(): void {
    this.streams.closeAll();
    this.bundles.close();
    this.#disks.close();
    this.#repository.close();
  }
}
