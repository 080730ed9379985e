import type { Store } from "@chaser/store";
import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { usageComfortableShare, usageFigureAgeMsMax, type PlanLimits } from "../limits.js";
import type { AccountStores } from "../stores/account-stores.js";

interface Figure {
  usedBytes: number;
  takenAtMs: number;
}

/**
 * Refuses what would make an account grow beyond its cap. The exact figure is awaited near the cap; well below it
 * a recent one is good enough, so that a cheap operation on a large store stays cheap.
 */
export class Quota {
  readonly plan: PlanLimits;
  readonly #stores: AccountStores;
  readonly #figures = new Map<string, Figure>();

  constructor(plan: PlanLimits, stores: AccountStores) {
    this.plan = plan;
    this.#stores = stores;
  }

  /** Code `storage_quota_exceeded` when the account has no room left. */
  async assertRoom(account: AccountRow): Promise<void> {
    const capBytes = this.plan.storageBytesMax;
    const known = this.#figures.get(account.id);
    const recent = known !== undefined && Date.now() - known.takenAtMs < usageFigureAgeMsMax;
    if (recent && known.usedBytes < capBytes * usageComfortableShare) return;
    const usedBytes = await this.usedBytes(account);
    if (usedBytes < capBytes) return;
    throw new ServerError(
      "storage_quota_exceeded",
      `the account uses ${usedBytes} of ${capBytes} bytes, so nothing more can be stored`,
      {
        details: { used_bytes: usedBytes, cap_bytes: capBytes, needed_bytes: usedBytes - capBytes + 1 },
        suggestion: "delete snapshots or workspaces; `chaser billing summary` shows which are large",
      },
    );
  }

  /** Code `workspace_disk_full` when the workspace's disk has reached its limit. */
  async assertDiskRoom(store: Store, diskId: string): Promise<void> {
    const capBytes = this.plan.workspaceDiskBytesMax;
    const { referencedBytes } = await store.disks.usage(diskId);
    if (referencedBytes < capBytes) return;
    throw new ServerError(
      "workspace_disk_full",
      `the workspace's disk holds ${referencedBytes} of at most ${capBytes} bytes`,
      {
        details: { used_bytes: referencedBytes, cap_bytes: capBytes },
        suggestion: "restore an earlier snapshot, or delete the workspace",
      },
    );
  }

  /** Allocated bytes of the account's directory, now. */
  async usedBytes(account: AccountRow): Promise<number> {
    const store = await this.#stores.get(account);
    const { onDiskBytes } = await store.usage();
    this.#figures.set(account.id, { usedBytes: onDiskBytes, takenAtMs: Date.now() });
    return onDiskBytes;
  }
}
