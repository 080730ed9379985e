import { chmod, chown, mkdir } from "node:fs/promises";
import { openStore, type EngineHost, type IdMap, type Store } from "@chaser/store";
import type { DataDirectory } from "../data-directory.js";
import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { workspaceUid } from "../limits.js";

/** One store an account, so that deduplication never crosses accounts. Opened on first use, closed with the server. */
export class AccountStores {
  readonly #data: DataDirectory;
  readonly #capBytes: number;
  readonly #onOpen: (account: AccountRow, store: Store) => Promise<void>;
  readonly #stores = new Map<string, Promise<Store>>();
  #closed = false;

  /** `onOpen` runs once for each store before anyone else sees it: the place to clean up after a crash. `capBytes`: for each store. */
  constructor(
    data: DataDirectory,
    capBytes: number,
    onOpen: (account: AccountRow, store: Store) => Promise<void>,
  ) {
    this.#data = data;
    this.#capBytes = capBytes;
    this.#onOpen = onOpen;
  }

  get(account: AccountRow): Promise<Store> {
    if (this.#closed) return Promise.reject(new ServerError("shutting_down", "the server is shutting down"));
    const known = this.#stores.get(account.id);
    if (known !== undefined) return known;
    const opening = this.#open(account);
    this.#stores.set(account.id, opening);
    // A failed opening must not be remembered, or the account would stay shut until the next start.
    opening.catch(() => this.#stores.delete(account.id));
    return opening;
  }

  async #open(account: AccountRow): Promise<Store> {
    const directory = this.#data.accountDirectory(account.id);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    if (account.host_uid !== null) await chown(directory, account.host_uid, account.host_uid);
    const store = await openStore(directory, {
      create: true,
      host: engineHost(account),
      capBytes: this.#capBytes,
    });
    try {
      await this.#onOpen(account, store);
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const stores = await Promise.allSettled(this.#stores.values());
    this.#stores.clear();
    for (const store of stores) if (store.status === "fulfilled") await store.value.close();
  }
}

/** The engine becomes the account's own host user when the server is root; it is never uid 0. */
function engineHost(account: AccountRow): EngineHost {
  return account.host_uid === null
    ? { kind: "process" }
    : { kind: "process", uid: account.host_uid, gid: account.host_uid };
}

/** Files belong to the account's host user on disk and to the workspace's user in trees, so trees mean the same on every machine. */
export function idMap(account: AccountRow): IdMap {
  const uid = account.host_uid ?? process.getuid?.() ?? 0;
  const gid = account.host_uid ?? process.getgid?.() ?? 0;
  return {
    uids: [{ host: uid, tree: workspaceUid, count: 1 }],
    gids: [{ host: gid, tree: workspaceUid, count: 1 }],
  };
}
