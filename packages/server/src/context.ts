import type { EgressRule, Images, NetworkMode, Runtime } from "@chaser/runtime";
import { Accounts } from "./accounts/accounts.js";
import { Audit } from "./audit/audit.js";
import { Keys } from "./auth/keys.js";
import { Quota } from "./billing/quota.js";
import { Billing } from "./billing/summary.js";
import type { DataDirectory } from "./data-directory.js";
import type { Database } from "./db/database.js";
import { Replays } from "./idempotency/replays.js";
import type { ImportPolicy } from "./imports/policy.js";
import { KeyedLock } from "./keyed-lock.js";
import type { PlanLimits } from "./limits.js";
import type { Logger } from "./log.js";
import { Metrics } from "./metrics.js";
import { ExecRecords } from "./sessions/exec-records.js";
import { KeptCommands } from "./sessions/kept-commands.js";
import { Sessions } from "./sessions/sessions.js";
import { Uploads } from "./sessions/uploads.js";
import { Snapshots } from "./snapshots/snapshots.js";
import { AccountStores } from "./stores/account-stores.js";
import { reconcile } from "./workspaces/reconcile.js";
import { Workspaces } from "./workspaces/workspaces.js";

/** What the services stand on. */
export interface Foundation {
  data: DataDirectory;
  db: Database;
  runtime: Runtime;
  images: Images;
  network: NetworkMode;
  egress: EgressRule[] | undefined;
  imports: ImportPolicy;
  plan: PlanLimits;
  /** The first host uid of accounts when the server is root, else null. */
  hostUidBase: number | null;
  log: Logger;
}

/** Everything that routes may use. No HTTP in any of it. */
export interface Context {
  db: Database;
  log: Logger;
  metrics: Metrics;
  accounts: Accounts;
  keys: Keys;
  stores: AccountStores;
  quota: Quota;
  images: Images;
  sessions: Sessions;
  uploads: Uploads;
  execRecords: ExecRecords;
  keptCommands: KeptCommands;
  workspaces: Workspaces;
  snapshots: Snapshots;
  billing: Billing;
  audit: Audit;
  replays: Replays;
}

export function createContext(foundation: Foundation): Context {
  const { data, db, runtime, images, network, imports, plan, log } = foundation;
  const locks = new KeyedLock();
  const stores = new AccountStores(data, plan.storageBytesMax, (account, store) =>
    reconcile(db, account, store, log),
  );
  const quota = new Quota(plan, stores);
  const keptCommands = new KeptCommands(db);
  const uploads = new Uploads(db, log);
  const sessions = new Sessions({
    uploads,
    commands: keptCommands,
    egress: foundation.egress,
    db,
    stores,
    runtime,
    images,
    quota,
    locks,
    network,
    imports,
    log,
  });
  const workspaces = new Workspaces({ db, stores, images, sessions, quota, locks, imports });
  return {
    db,
    log,
    metrics: new Metrics(),
    accounts: new Accounts(db, foundation.hostUidBase),
    keys: new Keys(db),
    stores,
    quota,
    images,
    sessions,
    uploads,
    execRecords: new ExecRecords(db),
    keptCommands,
    workspaces,
    snapshots: new Snapshots({ stores, sessions, workspaces, quota, locks }),
    billing: new Billing(db, stores, plan),
    audit: new Audit(db),
    replays: new Replays(db),
  };
}
