import { statfs } from "node:fs/promises";
import type { Store } from "@chaser/store";
import { GrowthWatch } from "../billing/growth-watch.js";
import type { Quota } from "../billing/quota.js";
import type { ServerError } from "../errors.js";
import { watchIntervalMs } from "../limits.js";
import type { Logger } from "../log.js";
import type { ActiveSession } from "./active-session.js";

interface Dependencies {
  quota: Quota;
  log: Logger;
  /** Ends a session because of a cap. */
  stop: (session: ActiveSession, reason: ServerError) => void;
}

/** Holds what the processes of sessions write to the caps of their disks and of their accounts. */
export class SessionGrowth {
  readonly #on: Dependencies;
  readonly #disks = new Map<ActiveSession, GrowthWatch>();
  readonly #accounts = new Map<string, GrowthWatch>();
  #timer: NodeJS.Timeout | undefined;

  constructor(dependencies: Dependencies) {
    this.#on = dependencies;
  }

  watch(session: ActiveSession, store: Store): void {
    const { quota, stop } = this.#on;
    const { id: accountId } = session.account;
    const free = (): Promise<number> => freeBytes(store.directory);
    const upper = upperOnly(store, session.diskId);
    const disk = new GrowthWatch({
      capBytes: quota.plan.workspaceDiskBytesMax,
      free,
      measure: (urgent) => (urgent ? session.whilePaused(upper) : upper()),
      onCrossed: (usedBytes) => stop(session, quota.diskFull(usedBytes)),
    });
    this.#disks.set(session, disk);
    if (!this.#accounts.has(accountId)) {
      const account = new GrowthWatch({
        capBytes: quota.plan.storageBytesMax,
        free,
        measure: () => store.onDiskBytes(),
        onCrossed: (usedBytes) => {
          for (const other of this.#of(accountId)) stop(other, quota.accountFull(usedBytes));
        },
      });
      this.#accounts.set(accountId, account);
    }
    this.#timer ??= setInterval(() => this.#look(), watchIntervalMs).unref();
  }

  forget(session: ActiveSession): void {
    this.#disks.delete(session);
    if (this.#of(session.account.id).length === 0) this.#accounts.delete(session.account.id);
    if (this.#disks.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #of(accountId: string): ActiveSession[] {
    return [...this.#disks.keys()].filter(({ account }) => account.id === accountId);
  }

  #look(): void {
    const { log } = this.#on;
    for (const [session, watch] of this.#disks)
      watch.look().catch((error: unknown) => {
        // A session that ends takes its disk away under the walk.
        if (this.#disks.has(session)) log.error("growth", error, { session_id: session.id });
      });
    for (const [accountId, watch] of this.#accounts)
      watch.look().catch((error: unknown) => {
        if (this.#accounts.has(accountId)) log.error("growth", error, { account_id: accountId });
      });
  }
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

/** The layers below do not change while a disk is attached, so they are measured once. */
function upperOnly(store: Store, diskId: string): () => Promise<number> {
  let layersBytes: number | null = null;
  return async () => {
    if (layersBytes !== null) return layersBytes + (await store.disks.upperBytes(diskId));
    const { referencedBytes, upperBytes } = await store.disks.usage(diskId);
    layersBytes = referencedBytes - upperBytes;
    return referencedBytes;
  };
}
