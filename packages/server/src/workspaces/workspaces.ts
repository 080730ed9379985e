import { randomUUID } from "node:crypto";
import { checkImport, type Image, type Images } from "@chaser/runtime";
import type { DiskUsage, Store } from "@chaser/store";
import type { Quota } from "../billing/quota.js";
import type { Database } from "../db/database.js";
import type { AccountRow, WorkspaceRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import type { KeyedLock } from "../keyed-lock.js";
import { fetchRepository, type FetchOptions, type ImportPolicy } from "../imports/policy.js";
import { page, type Page, type PageRequest } from "../paging.js";
import type { Sessions } from "../sessions/sessions.js";
import { idMap, type AccountStores } from "../stores/account-stores.js";
import { cloneRefused, deleteRefused } from "./advice.js";
import { initialDirectories } from "./disk-layout.js";
import { generateName, isUuid, nameKey } from "./names.js";

/** How often a generated name may meet an existing one before something must be wrong. */
const generatedNameAttemptsMax = 10;

interface NewWorkspace {
  name?: string | undefined;
  template: boolean;
  image: string | null;
  imageDigest: string | null;
  githubRepo: string | null;
  githubRef: string | null;
  sourceWorkspaceId: string | null;
}

interface Dependencies {
  db: Database;
  stores: AccountStores;
  images: Images;
  sessions: Sessions;
  quota: Quota;
  locks: KeyedLock;
  imports: ImportPolicy;
}

/** Workspaces of accounts: records in the database, disks in the accounts' stores. */
export class Workspaces {
  readonly #on: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#on = dependencies;
  }

  /** `image`: what its sessions have as root; pinned to what the reference means now. */
  async create(
    account: AccountRow,
    options: {
      name?: string | undefined;
      template?: boolean | undefined;
      image?: string | undefined;
      /** Whoever asks has gone: the image is not waited for any longer. */
      signal?: AbortSignal | undefined;
    },
  ): Promise<WorkspaceRow> {
    const { template = false, name, signal } = options;
    const image: Image | null =
      options.image === undefined
        ? null
        : await this.#on.images.pull(options.image, { owner: account.id, signal });
    const fresh = {
      name,
      template,
      image: image?.reference ?? null,
      imageDigest: image?.digest ?? null,
      githubRepo: null,
      githubRef: null,
      sourceWorkspaceId: null,
    };
    return this.#make(account, fresh, async (store, id) => {
      await store.disks.create({ id, directories: initialDirectories });
    });
  }

  /** Makes a workspace from a repository. What fails on the way leaves nothing behind. Codes of the runtime's `import_refused` and `import_failed`. */
  async import(
    account: AccountRow,
    source: Omit<FetchOptions, "timeoutMs"> & { name?: string | undefined },
  ): Promise<WorkspaceRow> {
    const { sessions, imports } = this.#on;
    const { name, ref, repository } = source;
    checkImport({ ...source, hosts: imports.hosts });
    const fresh = {
      name,
      template: false,
      image: null,
      imageDigest: null,
      githubRepo: repository,
      githubRef: ref,
      sourceWorkspaceId: null,
    };
    return this.#make(account, fresh, async (store, id) => {
      await store.disks.create({ id, directories: initialDirectories });
      await sessions.apart(account, id, imports.network, (session) =>
        fetchRepository(imports, session, source),
      );
      // Git may have been done before the watch on what a session writes had looked.
      await this.#on.quota.assertWithinCaps(account, id);
    });
  }

  /** Copies a workspace as it is, or one of its snapshots. `from` is `W` or `W@SNAPSHOT`. */
  async clone(
    account: AccountRow,
    options: { from: string; name?: string | undefined; template?: boolean | undefined },
  ): Promise<WorkspaceRow> {
    const at = options.from.indexOf("@");
    const source = await this.get(account, at === -1 ? options.from : options.from.slice(0, at));
    const snapshot = at === -1 ? undefined : options.from.slice(at + 1);
    const { template = false, name } = options;
    const copy = {
      name,
      template,
      image: source.image,
      imageDigest: source.image_digest,
      githubRepo: source.github_repo,
      githubRef: source.github_ref,
      sourceWorkspaceId: source.id,
    };
    return this.#on.locks.short(source.id, async () => {
      const session = await this.#on.sessions.settledOn(source.id);
      if (session !== undefined && snapshot === undefined) throw cloneRefused(source, session.id);
      return this.#make(account, copy, async (store, id) => {
        // The present state is within its cap: sessions are watched.
        const { workspaceDiskBytesMax: capBytes, workspaceDiskInodesMax: capInodes } = this.#on.quota.plan;
        const from = snapshot === undefined ? {} : { snapshot, capBytes, capInodes };
        await store.disks.clone(source.id, { id, ...from, idMap: idMap(account) });
      });
    });
  }

  /** The row first, then the disk, then the row is ready: a crash in between leaves a row that the next start removes. */
  async #make(
    account: AccountRow,
    workspace: NewWorkspace,
    makeDisk: (store: Store, id: string) => Promise<void>,
  ): Promise<WorkspaceRow> {
    const store = await this.#on.stores.get(account);
    await this.#on.quota.assertRoom(account);
    await this.#assertCount(account);
    const { id } = await this.#insert(account, workspace);
    try {
      await makeDisk(store, id);
      return await this.#setState(id, "ready");
    } catch (error) {
      if (await hasDisk(store, id)) await store.disks.delete(id);
      await this.#on.db.query.deleteFrom("workspaces").where("id", "=", id).execute();
      throw error;
    }
  }

  async #assertCount(account: AccountRow): Promise<void> {
    const { workspacesMax } = this.#on.quota.plan;
    const { count } = await this.#on.db.query
      .selectFrom("workspaces")
      .select((e) => e.fn.countAll<number>().as("count"))
      .where("account_id", "=", account.id)
      .executeTakeFirstOrThrow();
    if (count >= workspacesMax)
      throw new ServerError(
        "limit_exceeded",
        `the account has ${count} of at most ${workspacesMax} workspaces`,
        {
          details: { workspaces: count, workspaces_max: workspacesMax },
          suggestion: "delete one that is no longer needed",
        },
      );
  }

  async #insert(account: AccountRow, workspace: NewWorkspace): Promise<WorkspaceRow> {
    for (let attempt = 1; ; attempt += 1) {
      const name = workspace.name ?? generateName();
      try {
        return await this.#on.db.query
          .insertInto("workspaces")
          .values({
            id: randomUUID(),
            account_id: account.id,
            name,
            name_key: nameKey(name),
            state: "creating",
            session_type: "sandbox",
            image: workspace.image,
            image_digest: workspace.imageDigest,
            template: workspace.template ? 1 : 0,
            github_repo: workspace.githubRepo,
            github_ref: workspace.githubRef,
            source_workspace_id: workspace.sourceWorkspaceId,
            last_session_id: null,
            created_at: Date.now(),
          })
          .returningAll()
          .executeTakeFirstOrThrow();
      } catch (error) {
        if (!this.#on.db.isUniqueViolation(error)) throw error;
        if (workspace.name !== undefined) throw nameTaken(workspace.name);
        if (attempt === generatedNameAttemptsMax) throw error;
      }
    }
  }

  async #setState(id: string, state: WorkspaceRow["state"]): Promise<WorkspaceRow> {
    return this.#on.db.query
      .updateTable("workspaces")
      .set({ state })
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirstOrThrow();
  }

  /** By name, in any case, or by id. Code `not_found`, also for another account's. */
  async get(account: AccountRow, nameOrId: string): Promise<WorkspaceRow> {
    const row = await this.#on.db.query
      .selectFrom("workspaces")
      .selectAll()
      .where("account_id", "=", account.id)
      .where("state", "=", "ready")
      .$if(isUuid(nameOrId), (q) => q.where("id", "=", nameOrId.toLowerCase()))
      .$if(!isUuid(nameOrId), (q) => q.where("name_key", "=", nameKey(nameOrId)))
      .executeTakeFirst();
    if (row === undefined)
      throw new ServerError("not_found", `workspace ${JSON.stringify(nameOrId)} not found`, {
        suggestion: "`chaser workspaces list` shows the workspaces of this account",
      });
    return row;
  }

  async list(
    account: AccountRow,
    filter: { template?: boolean | undefined; name?: string | undefined },
    request: PageRequest,
  ): Promise<Page<WorkspaceRow>> {
    const { template, name } = filter;
    return page(request, (before, limit) =>
      this.#on.db.query
        .selectFrom("workspaces")
        .selectAll()
        .where("account_id", "=", account.id)
        .where("state", "=", "ready")
        .$if(template !== undefined, (q) => q.where("template", "=", template === true ? 1 : 0))
        .$if(name !== undefined, (q) => q.where("name_key", "=", nameKey(name ?? "")))
        .$if(before !== null, (q) => q.where("seq", "<", before))
        .limit(limit)
        .orderBy("seq", "desc")
        .execute(),
    );
  }

  /** `null` takes the name away; the workspace then goes by its id. */
  async rename(account: AccountRow, nameOrId: string, name: string | null): Promise<WorkspaceRow> {
    const workspace = await this.get(account, nameOrId);
    try {
      return await this.#on.db.query
        .updateTable("workspaces")
        .set({ name, name_key: name === null ? null : nameKey(name) })
        .where("id", "=", workspace.id)
        .returningAll()
        .executeTakeFirstOrThrow();
    } catch (error) {
      if (name !== null && this.#on.db.isUniqueViolation(error)) throw nameTaken(name);
      throw error;
    }
  }

  async setTemplate(account: AccountRow, nameOrId: string, template: boolean): Promise<WorkspaceRow> {
    const workspace = await this.get(account, nameOrId);
    return this.#on.db.query
      .updateTable("workspaces")
      .set({ template: template ? 1 : 0 })
      .where("id", "=", workspace.id)
      .returningAll()
      .executeTakeFirstOrThrow();
  }

  /** Deletes the workspace, its disk and its snapshots; never what a clone needs. `force` ends its session first. */
  async delete(account: AccountRow, nameOrId: string, force: boolean): Promise<WorkspaceRow> {
    const workspace = await this.get(account, nameOrId);
    const { locks, sessions, stores, db } = this.#on;
    await locks.long(workspace.id, "a deletion", async () => {
      const session = await sessions.settledOn(workspace.id);
      if (session !== undefined && !force) throw deleteRefused(workspace, session.id);
      if (session !== undefined) await sessions.end(session, "workspace_deleted");
      const store = await stores.get(account);
      await this.#setState(workspace.id, "deleting");
      try {
        await store.disks.delete(workspace.id);
      } catch (error) {
        if (await hasDisk(store, workspace.id)) await this.#setState(workspace.id, "ready");
        throw error;
      }
      await db.query.deleteFrom("workspaces").where("id", "=", workspace.id).execute();
    });
    return workspace;
  }

  /** Digests of the images that any workspace of any account needs. */
  async imageDigests(): Promise<string[]> {
    const rows = await this.#on.db.query.selectFrom("workspaces").select("image_digest").distinct().execute();
    return rows.flatMap(({ image_digest: digest }) => (digest === null ? [] : [digest]));
  }

  /** Of all files that it shows. Walks what was written since its last snapshot. */
  async logicalBytes(account: AccountRow, workspace: WorkspaceRow): Promise<number> {
    const store = await this.#on.stores.get(account);
    return store.disks.logicalBytes(workspace.id);
  }

  async diskUsage(account: AccountRow, workspace: WorkspaceRow): Promise<DiskUsage> {
    const store = await this.#on.stores.get(account);
    return store.disks.usage(workspace.id);
  }

  /** Allocated bytes that the disk stands on: `now`, or as last measured (null: never), which costs nothing. */
  async diskBytes(
    account: AccountRow,
    workspace: WorkspaceRow,
    when: "now" | "last",
  ): Promise<number | null> {
    const { quota } = this.#on;
    return when === "last" ? quota.lastDiskBytes(workspace.id) : quota.diskBytes(account, workspace.id);
  }

  get diskLimitBytes(): number {
    return this.#on.quota.plan.workspaceDiskBytesMax;
  }
}

function nameTaken(name: string): ServerError {
  return new ServerError("workspace_name_taken", `a workspace named ${JSON.stringify(name)} exists already`, {
    suggestion: "choose another name, or rename the other with `chaser workspaces label`",
  });
}

async function hasDisk(store: Store, id: string): Promise<boolean> {
  return (await store.disks.list()).some((disk) => disk.id === id);
}
