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

  within<Result>(hooks: Hooks, run: () => Result): Result {
    return this.cap.within(run, () => {
      try {
        this.#disks.sweepLayers();
        collectLeft(this.#repository, hooks);
      } catch (error) {
        // The cap says more than what kept this from being tidied up now; the next collection does it.
        if (!(error instanceof StoreError)) throw error;
      }
    });
  }
}
