/** Moving snapshots between stores: the part of the engine behind these calls. */
import type { SnapshotInfo } from "../api.js";
import type { DiskSet } from "../disk/disks.js";
import { StoreError } from "../errors.js";
import { BundleImport } from "../maintenance/bundle-import.js";
import { exportBundle } from "../maintenance/bundle-export.js";
import { copySnapshots } from "../maintenance/copy.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import { Repository } from "../snapshot/repository.js";
import { Work } from "../snapshot/work.js";
import type { Hooks } from "./hooks.js";
import { joinBytes, type StreamHandle, type Streams } from "./streams.js";

export interface ImportCall {
  diskId?: string | undefined;
  rename?: Record<string, string> | undefined;
  contentBytesMax?: number | undefined;
}

export class Bundles {
  readonly #repository: Repository;
  readonly #disks: DiskSet;
  readonly #streams: Streams;
  readonly #imports = new Map<number, BundleImport>();
  #nextImport = 1;

  constructor(repository: Repository, disks: DiskSet, streams: Streams) {
    this.#repository = repository;
    this.#disks = disks;
    this.#streams = streams;
  }

  openExport(_hooks: Hooks, scope: RefScope, snapshots: string[], since: string | null): StreamHandle {
    const repository = this.#repository;
    const { found, lease } = repository.lease("reader", (pin) => {
      const get = (name: string): SnapshotInfo => {
        const snapshot = repository.getSnapshot(scope, name);
        pin(snapshot.tree);
        return snapshot;
      };
      const chosen = new Map(snapshots.map(get).map((snapshot) => [snapshot.id, snapshot]));
      return { chosen: [...chosen.values()], base: since === null ? null : get(since) };
    });
    return this.#streams.add(lease, (hooks) =>
      joinBytes(exportBundle(repository, found.chosen, found.base, new Work("write", hooks))),
    );
  }

  beginImport(_hooks: Hooks, { diskId, ...options }: ImportCall): number {
    if (diskId !== undefined) this.#disks.get(diskId);
    const handle = this.#nextImport++;
    this.#imports.set(handle, new BundleImport(this.#repository, { ...options, scope: diskId ?? null }));
    return handle;
  }

  importPiece(_hooks: Hooks, handle: number, bytes: Uint8Array): void {
    this.#import(handle).push(bytes);
  }

  /** Ends the import in any case. */
  finishImport(hooks: Hooks, handle: number): SnapshotInfo[] {
    try {
      return this.#import(handle).finish(new Work("write", hooks));
    } finally {
      this.#end(handle);
    }
  }

  /** Idempotent. */
  abandonImport(_hooks: Hooks, handle: number): void {
    this.#end(handle);
  }

  copyTo(
    hooks: Hooks,
    scope: RefScope,
    directory: string,
    snapshots: string[],
    rename: Record<string, string> | undefined,
  ): SnapshotInfo[] {
    const chosen = snapshots.map((name) => this.#repository.getSnapshot(scope, name));
    const target = Repository.open(this.#repository.files, directory);
    try {
      return copySnapshots(this.#repository, target, chosen, rename, new Work("write", hooks));
    } finally {
      target.close();
    }
  }

  close(): void {
    for (const handle of [...this.#imports.keys()]) this.#end(handle);
  }

  #import(handle: number): BundleImport {
    const found = this.#imports.get(handle);
    if (found === undefined) throw new StoreError("closed", "the import has ended");
    return found;
  }

  #end(handle: number): void {
    this.#imports.get(handle)?.close();
    this.#imports.delete(handle);
  }
}
