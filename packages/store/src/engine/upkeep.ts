/** What a store takes, whether it is whole, and giving back what nothing needs: the part of the engine behind these calls. */
import type { FsckReport, GcReport, PhysicalUsage, SnapshotUsage, StoreUsage } from "../api.js";
import type { DiskSet } from "../disk/disks.js";
import { collect, foretell } from "../maintenance/collect.js";
import { fsck } from "../maintenance/fsck.js";
import { physicalUsage } from "../maintenance/physical-usage.js";
import type { CollectionPlan } from "../maintenance/plan.js";
import { repairStore } from "../maintenance/repair.js";
import { snapshotUsages } from "../maintenance/snapshot-usage.js";
import { measureStore } from "../maintenance/store-bytes.js";
import { measureUsage } from "../maintenance/usage.js";
import type { Files } from "../platform/files.js";
import { withLock } from "../platform/lock.js";
import type { RefScope } from "../snapshot/ref-scope.js";
import type { Repository } from "../snapshot/repository.js";
import { Work } from "../snapshot/work.js";
import type { Hooks } from "./hooks.js";

export class Upkeep {
  readonly #files: Files;
  readonly #repository: Repository;
  readonly #disks: DiskSet;

  /** `files`: those that nothing limits, because a store at its cap is mended and tidied all the same. */
  constructor(files: Files, repository: Repository, disks: DiskSet) {
    this.#files = files;
    this.#repository = repository;
    this.#disks = disks;
  }

  usage(hooks: Hooks, options: { audit: boolean } = { audit: false }): StoreUsage {
    const work = new Work("check", hooks);
    return this.#repository.withObjects(() => measureUsage(this.#repository, this.#disks, work, options));
  }

  physicalUsage(hooks: Hooks): PhysicalUsage | null {
    return physicalUsage(this.#repository, this.#disks, new Work("check", hooks));
  }

  snapshotUsage(hooks: Hooks, scope: RefScope): SnapshotUsage[] {
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

  onDiskBytes(_hooks: Hooks): number {
    return measureStore(this.#repository, this.#disks).onDiskBytes;
  }
}
