import type { GrowthWatch, Store } from "@chaser/store";
import type { Quota } from "../billing/quota.js";
import { ServerError, suggestionFor } from "../errors.js";
import { watchFailuresMax, watchIntervalMs } from "../limits.js";
import type { Logger } from "../log.js";
import type { ActiveSession } from "./active-session.js";

interface Dependencies {
  quota: Quota;
  log: Logger;
  /** Ends a session because of a cap, or because what it writes cannot be held to one. */
  stop: (session: ActiveSession, reason: ServerError, endReason: "over_quota" | "unmeasured") => void;
}

/** Holds what the processes of sessions write to the caps of their disks and of their accounts. */
export class SessionGrowth {
  readonly #on: Dependencies;
  readonly #disks = new Map<ActiveSession, GrowthWatch>();
  readonly #accounts = new Map<string, GrowthWatch>();

  constructor(dependencies: Dependencies) {
    this.#on = dependencies;
  }

  watch(session: ActiveSession, store: Store): void {
    const { quota, log, stop } = this.#on;
    const { id: accountId } = session.account;
    const disk = store.disks.watchGrowth(session.diskId, {
      capBytes: quota.plan.workspaceDiskBytesMax,
      capInodes: quota.plan.workspaceDiskInodesMax,
      intervalMs: watchIntervalMs,
      pause: () => session.pause(),
      unlinkedBytes: () => session.unlinkedBytes(),
      onCrossed: ({ unit, used }) => stop(session, quota.diskFull(unit, used), "over_quota"),
      onError: (error, failures) => {
        log.error("growth", error, { session_id: session.id });
        if (failures >= watchFailuresMax) stop(session, unmeasured(), "unmeasured");
      },
    });
    this.#disks.set(session, disk);
    if (this.#accounts.has(accountId)) return;
    const account = store.watchGrowth({
      capBytes: quota.plan.storageBytesMax,
      intervalMs: watchIntervalMs,
      unlinkedBytes: async () => {
        const ofEach = await Promise.all(this.#of(accountId).map((other) => other.unlinkedBytes()));
        return ofEach.reduce((sum, bytes) => sum + bytes, 0);
      },
      onCrossed: ({ used }) => {
        for (const other of this.#of(accountId)) stop(other, quota.accountFull(used), "over_quota");
      },
      onError: (error, failures) => {
        log.error("growth", error, { account_id: accountId });
        if (failures < watchFailuresMax) return;
        for (const other of this.#of(accountId)) stop(other, unmeasured(), "unmeasured");
      },
    });
    this.#accounts.set(accountId, account);
  }

  forget(session: ActiveSession): void {
    this.#disks.get(session)?.close();
    this.#disks.delete(session);
    const { id } = session.account;
    if (this.#of(id).length > 0) return;
    this.#accounts.get(id)?.close();
    this.#accounts.delete(id);
  }

  #of(accountId: string): ActiveSession[] {
    return [...this.#disks.keys()].filter(({ account }) => account.id === accountId);
  }
}

function unmeasured(): ServerError {
  return new ServerError(
    "session_ended",
    "the session was ended, because what it writes could not be measured any more",
    suggestionFor("session_ended"),
  );
}
