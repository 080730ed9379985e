import type { AccountRow } from "../db/tables.js";
import { ServerError, suggestionFor } from "../errors.js";
import { cleaningBytesMax, cleaningInodesMax, usageFigureAgeMsMax, type PlanLimits } from "../limits.js";
import type { AccountStores } from "../stores/account-stores.js";
import { Ledger } from "./ledger.js";

/** Room taken by `Quota.reserve`. */
export interface Reservation {
  /** Takes more, for who learns only on the way how much comes. Fails as `reserve` does; what was taken stays taken. */
  extend(bytes: number): Promise<void>;
  /** To be called when everything is written, or nothing will be. Idempotent. */
  release(): void;
}

/** The least that anything stored takes: a file and its directory, a record and its ref. */
const leastBytes = 8192;
const least = { bytes: leastBytes, inodes: 1 };

/** A disk that the kernel holds is full with less than this left: what its limit leaves out, and a write that it ended. */
const kernelSlack = { bytes: 1024 * 1024, inodes: 64 };

/**
 * Refuses what would make an account or a workspace's disk grow beyond its cap. What the processes of sessions write is watched
 * instead, see `sessions/growth.ts`, and what the store writes stops at the account's cap by itself.
 */
export class Quota {
  readonly plan: PlanLimits;
  readonly #stores: AccountStores;
  readonly #accounts = new Map<string, Ledger>();
  readonly #disks = new Map<string, Ledger>();
  /** Of disks, found whenever their bytes were. */
  readonly #inodes = new Map<string, number>();

  constructor(plan: PlanLimits, stores: AccountStores) {
    this.plan = plan;
    this.#stores = stores;
  }

  /**
   * Takes room for `bytes` in the account, and on a workspace's disk where one is given, before they are written: files that are
   * uploaded or imported, an image, a bundle. Codes `storage_quota_exceeded` and `workspace_disk_full`, with used, cap and needed
   * bytes. However many reserve at once, together they stay below the caps. Who does not know how much comes reserves 0 and extends.
   */
  async reserve(account: AccountRow, room: { bytes: number; diskId?: string }): Promise<Reservation> {
    const ledgers = [this.#account(account)];
    if (room.diskId !== undefined) ledgers.push(this.#disk(account, room.diskId));
    const undo: (() => void)[] = [];
    const extend = async (bytes: number): Promise<void> => {
      const before = undo.length;
      try {
        for (const ledger of ledgers) {
          const taken = await ledger.take(bytes);
          undo.push(() => ledger.settle(taken));
        }
      } catch (error) {
        for (const settle of undo.splice(before)) settle();
        throw error;
      }
    };
    await extend(room.bytes);
    if (room.diskId !== undefined) await this.#requireInodes(account, room.diskId);
    return { extend, release: () => undo.splice(0).forEach((settle) => settle()) };
  }

  /** Code `storage_quota_exceeded` when the account has no room left, and not even `graceBytes` beyond. Call it before anything that grows. */
  async assertRoom(account: AccountRow, graceBytes = 0): Promise<void> {
    const ledger = this.#account(account);
    ledger.settle(await ledger.take(leastBytes, { graceBytes }));
  }

  /** Code `workspace_disk_full` when a disk is so far beyond its limit that no session may clean it up. One that was never measured is measured later. */
  async assertDiskRoom(account: AccountRow, diskId: string): Promise<void> {
    const ledger = this.#disk(account, diskId);
    ledger.settle(await ledger.take(leastBytes, { graceBytes: cleaningBytesMax, whenUnknown: "grant" }));
    await this.#requireInodes(account, diskId, cleaningInodesMax);
  }

  /** Measures both. Codes `workspace_disk_full` and `storage_quota_exceeded` when what was written already lies beyond a cap. */
  async assertWithinCaps(account: AccountRow, diskId: string): Promise<void> {
    const diskBytes = await this.diskBytes(account, diskId);
    if (diskBytes > this.plan.workspaceDiskBytesMax) throw this.diskFull("bytes", diskBytes);
    await this.#requireInodes(account, diskId);
    const accountBytes = await this.accountBytes(account);
    if (accountBytes > this.plan.storageBytesMax) throw this.accountFull(accountBytes);
  }

  /**
   * What to answer where the kernel ended a write onto a disk for want of room: the disk's figures where it was at its cap. Elsewhere the filesystem
   * itself is full, and `error` says so.
   */
  async noRoom(
    account: AccountRow,
    diskId: string,
    { neededBytes, error }: { neededBytes: number; error: unknown },
  ): Promise<unknown> {
    const { workspaceDiskBytesMax, workspaceDiskInodesMax } = this.plan;
    const usedBytes = await this.diskBytes(account, diskId);
    if (workspaceDiskBytesMax - usedBytes < Math.max(neededBytes, kernelSlack.bytes))
      return this.diskFull("bytes", usedBytes, Math.max(neededBytes, leastBytes));
    const usedInodes = this.#inodesOf(diskId);
    return workspaceDiskInodesMax - usedInodes < kernelSlack.inodes
      ? this.diskFull("inodes", usedInodes)
      : error;
  }

  accountFull(usedBytes: number, neededBytes = leastBytes): ServerError {
    const capBytes = this.plan.storageBytesMax;
    return new ServerError(
      "storage_quota_exceeded",
      `the account uses ${usedBytes} of ${capBytes} bytes, and ${neededBytes} more are needed`,
      {
        details: { used_bytes: usedBytes, cap_bytes: capBytes, needed_bytes: neededBytes },
        ...suggestionFor("storage_quota_exceeded"),
      },
    );
  }

  diskFull(unit: "bytes" | "inodes", used: number, needed = least[unit]): ServerError {
    const { workspaceDiskBytesMax, workspaceDiskInodesMax } = this.plan;
    const cap = unit === "bytes" ? workspaceDiskBytesMax : workspaceDiskInodesMax;
    return new ServerError(
      "workspace_disk_full",
      `the workspace's disk holds ${used} of at most ${cap} ${unit}, and ${needed} more are needed`,
      {
        details: { [`used_${unit}`]: used, [`cap_${unit}`]: cap, [`needed_${unit}`]: needed },
        ...suggestionFor("workspace_disk_full"),
      },
    );
  }

  /** Allocated bytes of the account's directory, now. */
  accountBytes(account: AccountRow): Promise<number> {
    return this.#account(account).measure();
  }

  /** Allocated bytes that a disk stands on, now. */
  diskBytes(account: AccountRow, diskId: string): Promise<number> {
    return this.#disk(account, diskId).measure();
  }

  /** The last figure of a disk, or null when there is none. */
  lastDiskBytes(diskId: string): number | null {
    return this.#disks.get(diskId)?.lastBytes ?? null;
  }

  /** Measures again what has changed and was not measured for a while. */
  async refresh(nowMs: number): Promise<void> {
    for (const ledger of [...this.#accounts.values()])
      if (ledger.isDue(nowMs, usageFigureAgeMsMax)) await ledger.measure();
    for (const [diskId, ledger] of [...this.#disks])
      if (ledger.isDue(nowMs, usageFigureAgeMsMax))
        await ledger.measure().catch(() => {
          this.#disks.delete(diskId);
          this.#inodes.delete(diskId);
        });
  }

  /**
   * Code `workspace_disk_full` when a disk has more inodes than it may, and than are granted beyond. Nobody can say beforehand how many
   * they need, so none are promised: an upload's come from a session that is watched.
   */
  async #requireInodes(account: AccountRow, diskId: string, grace = 0): Promise<void> {
    const isFull = (): boolean => this.#inodesOf(diskId) >= this.plan.workspaceDiskInodesMax + grace;
    if (!isFull()) return;
    await this.#disk(account, diskId).measure();
    if (isFull()) throw this.diskFull("inodes", this.#inodesOf(diskId));
  }

  /** By the last figure. */
  #inodesOf(diskId: string): number {
    return this.#inodes.get(diskId) ?? 0;
  }

  #account(account: AccountRow): Ledger {
    return ledgerIn(this.#accounts, account.id, {
      capBytes: this.plan.storageBytesMax,
      measure: async () => (await this.#stores.get(account)).onDiskBytes(),
      full: (usedBytes, neededBytes) => this.accountFull(usedBytes, neededBytes),
    });
  }

  #disk(account: AccountRow, diskId: string): Ledger {
    return ledgerIn(this.#disks, diskId, {
      capBytes: this.plan.workspaceDiskBytesMax,
      measure: async () => {
        const { disks } = await this.#stores.get(account);
        const { referencedBytes, referencedInodes } = await disks.usage(diskId);
        this.#inodes.set(diskId, referencedInodes);
        return referencedBytes;
      },
      full: (usedBytes, neededBytes) => this.diskFull("bytes", usedBytes, neededBytes),
    });
  }
}

function ledgerIn(
  ledgers: Map<string, Ledger>,
  id: string,
  cap: ConstructorParameters<typeof Ledger>[0],
): Ledger {
  const known = ledgers.get(id);
  if (known !== undefined) return known;
  const made = new Ledger(cap);
  ledgers.set(id, made);
  return made;
}
