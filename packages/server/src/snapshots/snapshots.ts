import {
  StoreError,
  type DiskRestoreOptions,
  type RestoreResult,
  type SnapshotInfo,
  type SnapshotUsage,
} from "@chaser/store";
import type { Quota } from "../billing/quota.js";
import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import type { KeyedLock } from "../keyed-lock.js";
import type { Sessions } from "../sessions/sessions.js";
import { idMap, type AccountStores } from "../stores/account-stores.js";
import { restoreRefused } from "../workspaces/advice.js";
import { shownPath, treePath } from "../workspaces/disk-paths.js";
import { nameKey } from "../workspaces/names.js";
import type { Workspaces } from "../workspaces/workspaces.js";

interface Dependencies {
  stores: AccountStores;
  sessions: Sessions;
  workspaces: Workspaces;
  quota: Quota;
  locks: KeyedLock;
}

export interface RestoreOutcome {
  snapshot: SnapshotInfo;
  result: RestoreResult;
  /** The state before, kept so that the restore can be undone. Null for a dry run. */
  undo: SnapshotInfo | null;
  endedSessionId: string | null;
}

/** Restore points of workspaces. The store holds them; nothing about them is in the database. */
export class Snapshots {
  readonly #on: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#on = dependencies;
  }

  /** Takes a snapshot. A running session's processes stand still meanwhile and then go on. */
  async create(
    account: AccountRow,
    workspaceName: string,
    options: { name?: string | undefined; comment?: string | undefined },
  ): Promise<SnapshotInfo> {
    const { stores, sessions, workspaces, quota, locks } = this.#on;
    const workspace = await workspaces.get(account, workspaceName);
    return locks.long(workspace.id, "a snapshot", async () => {
      const store = await stores.get(account);
      await quota.assertRoom(account);
      const session = await sessions.settledOn(workspace.id);
      const release = session?.use();
      try {
        const { snapshot } = await store.disks.snapshot(workspace.id, {
          idMap: idMap(account),
          ...(session === undefined ? {} : { pause: () => session.pause() }),
          ...(options.name === undefined ? {} : { name: options.name }),
          ...(options.comment === undefined ? {} : { comment: options.comment }),
        });
        return snapshot;
      } finally {
        release?.();
      }
    });
  }

  /** Newest first. */
  async list(account: AccountRow, workspaceName: string): Promise<SnapshotInfo[]> {
    const workspace = await this.#on.workspaces.get(account, workspaceName);
    return (await this.#on.stores.get(account)).disks.snapshots(workspace.id);
  }

  /** What each takes, newest first. */
  async usage(account: AccountRow, workspaceName: string): Promise<SnapshotUsage[]> {
    const workspace = await this.#on.workspaces.get(account, workspaceName);
    return (await this.#on.stores.get(account)).snapshotUsage({ diskId: workspace.id });
  }

  /** By name, in any case, or by id. Code `not_found`. */
  async get(account: AccountRow, workspaceName: string, nameOrId: string): Promise<SnapshotInfo> {
    const snapshots = await this.list(account, workspaceName);
    const key = nameKey(nameOrId);
    const found =
      snapshots.find((snapshot) => snapshot.id === nameOrId) ??
      snapshots.find((snapshot) => nameKey(snapshot.name) === key);
    if (found === undefined)
      throw new ServerError("not_found", `snapshot ${JSON.stringify(nameOrId)} not found`, {
        suggestion: "`chaser workspaces snapshots list` shows the snapshots of a workspace",
      });
    return found;
  }

  /** Puts the workspace's disk back. `force` ends a running session first. The state before is kept as a snapshot. */
  async restore(
    account: AccountRow,
    workspaceName: string,
    nameOrId: string,
    options: { force: boolean; dryRun: boolean; paths?: string[] | undefined },
  ): Promise<RestoreOutcome> {
    const { stores, sessions, workspaces, quota, locks } = this.#on;
    const workspace = await workspaces.get(account, workspaceName);
    return locks.long(workspace.id, "a restore", async () => {
      const snapshot = await this.get(account, workspace.id, nameOrId);
      const store = await stores.get(account);
      const session = await sessions.settledOn(workspace.id);
      if (session !== undefined && !options.force && !options.dryRun)
        throw restoreRefused(workspace, snapshot.name, session.id);
      const paths = options.paths?.map((path) => Buffer.from(treePath(path, workspace)));
      const restore = (how: DiskRestoreOptions): Promise<RestoreResult & { undo: SnapshotInfo | null }> =>
        store.disks
          .restore(workspace.id, snapshot.id, {
            ...how,
            idMap: idMap(account),
            ...(paths === undefined ? {} : { paths }),
          })
          .catch((error: unknown) => {
            throw pathMissing(error, snapshot.name) ?? error;
          });
      // Before the session ends for nothing: whether there is anything at these paths.
      const isTried = options.dryRun || (session !== undefined && paths !== undefined);
      const pause = session === undefined ? {} : { pause: () => session.pause() };
      const tried = isTried ? await restore({ dryRun: true, ...pause }) : null;
      if (tried !== null && options.dryRun)
        return { snapshot, result: tried, undo: null, endedSessionId: null };
      if (session !== undefined) await sessions.end(session, "restore");
      const { undo, ...result } = await restore({
        undo: true,
        capBytes: quota.plan.workspaceDiskBytesMax,
        capInodes: quota.plan.workspaceDiskInodesMax,
      });
      return { snapshot, result, undo, endedSessionId: session?.id ?? null };
    });
  }

  async delete(
    account: AccountRow,
    workspaceName: string,
    nameOrId: string,
  ): Promise<{ deleted: SnapshotInfo; freedBytes: number }> {
    const { stores, workspaces, locks } = this.#on;
    const workspace = await workspaces.get(account, workspaceName);
    return locks.long(workspace.id, "a snapshot's deletion", async () => {
      const deleted = await this.get(account, workspace.id, nameOrId);
      const store = await stores.get(account);
      const { freedBytes } = await store.disks.deleteSnapshot(workspace.id, deleted.id);
      return { deleted, freedBytes };
    });
  }
}

/** Names the path as the caller knows it. Null for any other error. */
function pathMissing(error: unknown, snapshot: string): ServerError | null {
  if (!(error instanceof StoreError) || error.code !== "path_not_found") return null;
  const path = shownPath(error.data["path"] as Uint8Array);
  return new ServerError(
    "not_found",
    `neither snapshot ${JSON.stringify(snapshot)} nor the workspace has ${JSON.stringify(path)}`,
    {
      cause: error,
      suggestion: "paths count from /workspace, or are absolute; no link on the way is followed",
    },
  );
}
