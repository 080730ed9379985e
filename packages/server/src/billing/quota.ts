import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { cleaningBytesMax, usageComfortableShare, usageFigureAgeMsMax, type PlanLimits } from "../limits.js";
import type { AccountStores } from "../stores/account-stores.js";

interface Figure {
  account: AccountRow;
  bytes: number | null;
  takenAtMs: number;
  /** Something was allowed to grow since. */
  stale: boolean;
}

/**
 * Refuses what would make an account or a disk grow beyond its cap. Measuring takes time in proportion to the number
 * of files, so well below a cap the last figure decides and is brought up to date later (`refresh`); near the cap
 * the exact one is awaited.
 */
export class Quota {
  readonly plan: PlanLimits;
  readonly #stores: AccountStores;
  readonly #accounts = new Map<string, Figure>();
  readonly #disks = new Map<string, Figure>();

  constructor(plan: PlanLimits, stores: AccountStores) {
    this.plan = plan;
    this.#stores = stores;
  }

  /** Code `storage_quota_exceeded` when the account has no room left, and not even `graceBytes` beyond. Call it before anything that grows. */
  async assertRoom(account: AccountRow, graceBytes = 0): Promise<void> {
    const capBytes = this.plan.storageBytesMax;
    const known = this.#accounts.get(account.id);
    const comfortable = isBelow(known, capBytes * usageComfortableShare);
    const usedBytes = comfortable ? 0 : await this.accountBytes(account);
    markStale(this.#accounts, account.id, account);
    if (usedBytes < capBytes + graceBytes) return;
    throw this.accountFull(usedBytes);
  }

  accountFull(usedBytes: number): ServerError {
    const capBytes = this.plan.storageBytesMax;
    return new ServerError(
      "storage_quota_exceeded",
      `the account uses ${usedBytes} of ${capBytes} bytes, so nothing more can be stored`,
      {
        details: { used_bytes: usedBytes, cap_bytes: capBytes, needed_bytes: usedBytes - capBytes + 1 },
        suggestion: "delete snapshots or workspaces; `chaser billing summary` shows which are large",
      },
    );
  }

  /** Code `workspace_disk_full` when a disk is so far beyond its limit that no session may clean it up. One that was never measured is measured later. */
  async assertDiskRoom(account: AccountRow, diskId: string): Promise<void> {
    const capBytes = this.plan.workspaceDiskBytesMax;
    const known = this.#disks.get(diskId);
    const unknown = known === undefined || known.bytes === null;
    const settled = unknown || isBelow(known, capBytes * usageComfortableShare);
    const usedBytes = settled ? 0 : await this.diskBytes(account, diskId);
    markStale(this.#disks, diskId, account);
    if (usedBytes < capBytes + cleaningBytesMax) return;
    throw this.diskFull(usedBytes);
  }

  diskFull(usedBytes: number): ServerError {
    const capBytes = this.plan.workspaceDiskBytesMax;
    return new ServerError(
      "workspace_disk_full",
      `the workspace's disk holds ${usedBytes} of at most ${capBytes} bytes`,
      {
        details: { used_bytes: usedBytes, cap_bytes: capBytes, needed_bytes: usedBytes - capBytes + 1 },
        suggestion: "delete files in it, restore an earlier snapshot, or delete the workspace",
      },
    );
  }

  /** Allocated bytes of the account's directory, now. */
  async accountBytes(account: AccountRow): Promise<number> {
    const store = await this.#stores.get(account);
    const { onDiskBytes } = await store.usage();
    this.#accounts.set(account.id, figure(account, onDiskBytes));
    return onDiskBytes;
  }

  /** Allocated bytes that a disk stands on, now. */
  async diskBytes(account: AccountRow, diskId: string): Promise<number> {
    const store = await this.#stores.get(account);
    const { referencedBytes } = await store.disks.usage(diskId);
    this.#disks.set(diskId, figure(account, referencedBytes));
    return referencedBytes;
  }

  /** The last figure of a disk, or null when there is none. */
  lastDiskBytes(diskId: string): number | null {
    return this.#disks.get(diskId)?.bytes ?? null;
  }

  /** Measures again what has changed and was not measured for a while. */
  async refresh(nowMs: number): Promise<void> {
    const isDue = ({ stale, takenAtMs }: Figure): boolean => stale && nowMs - takenAtMs > usageFigureAgeMsMax;
    for (const known of [...this.#accounts.values()])
      if (isDue(known)) await this.accountBytes(known.account);
    for (const [diskId, known] of [...this.#disks])
      if (isDue(known)) await this.diskBytes(known.account, diskId).catch(() => this.#disks.delete(diskId));
  }
}

function figure(account: AccountRow, bytes: number): Figure {
  return { account, bytes, takenAtMs: Date.now(), stale: false };
}

function isBelow(known: Figure | undefined, bytes: number): boolean {
  return known !== undefined && known.bytes !== null && known.bytes < bytes;
}

function markStale(figures: Map<string, Figure>, id: string, account: AccountRow): void {
  const known = figures.get(id);
  if (known === undefined) figures.set(id, { account, bytes: null, takenAtMs: Date.now(), stale: true });
  else known.stale = true;
}
