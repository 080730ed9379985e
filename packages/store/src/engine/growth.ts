/** Runs what stores something below the cap of the store, and frees what it leaves behind when it would go beyond. */
import type { DiskSet } from "../disk/disks.js";
import { StoreError } from "../errors.js";
import type { Repository } from "../snapshot/repository.js";
import { collectLeft } from "./deletion.js";
import type { Hooks } from "./hooks.js";
import type { StoreCap } from "./store-cap.js";

export class Growth {
  readonly cap: StoreCap;
  readonly #repository: Repository;
  readonly #disks: DiskSet;

  constructor(cap: StoreCap, repository: Repository, disks: DiskSet) {
    this.cap = cap;
    this.#repository = repository;
    this.#disks = disks;
  }

  /**
   * `repeatable`: what fails leaves nothing that keeps it from being begun anew. When space is wanted, under the cap or on the
   * filesystem, layers that no disk stands on go, and then there is one more attempt.
   */
  within<Result>(hooks: Hooks, run: () => Result, { repeatable }: { repeatable: boolean }): Result {
    let isBegun = false;
    const attempt = (): Result =>
      this.cap.within(() => {
        isBegun = true;
        return run();
      });
    try {
      return attempt();
    } catch (error) {
      if (!wantsSpace(error)) throw error;
      const isWorthwhile = this.#makeRoom(hooks);
      if (!isWorthwhile || (isBegun && !repeatable)) throw error;
    }
    try {
      return attempt();
    } catch (error) {
      if (wantsSpace(error)) this.#makeRoom(hooks);
      throw error;
    }
  }

  /** Frees what an attempt left, and layers that are mere cache. True when there were any of these. */
  #makeRoom(hooks: Hooks): boolean {
    let evicted = 0;
    try {
      evicted = this.#disks.sweepLayers().count;
      collectLeft(this.#repository, hooks);
    } catch (error) {
      // What wanted space says more than what kept this from being tidied up now; the next collection does it.
      if (!(error instanceof StoreError)) throw error;
    }
    return evicted > 0;
  }
}

function wantsSpace(error: unknown): boolean {
  if (!(error instanceof StoreError)) return false;
  // No room that is made helps a disk that would be too large by itself.
  return (
    error.code === "no_space" || (error.code === "quota_exceeded" && (error.data["disk"] ?? null) === null)
  );
}
