import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import {
  checkEgress,
  Images,
  Runtime,
  type EgressRule,
  type ImagesOptions,
  type NetworkMode,
} from "@chaser/runtime";
import { createApp } from "./app.js";
import { generateSecret, isSecret } from "./auth/secret.js";
import { ClosingSteps } from "./closing-steps.js";
import { createContext, type Context } from "./context.js";
import { openDataDirectory } from "./data-directory.js";
import { openDatabase } from "./db/database.js";
import { ServerError } from "./errors.js";
import { importPolicy, type ImportOptions } from "./imports/policy.js";
import {
  connectionsMax,
  headersTimeoutMs,
  hostUidBaseDefault,
  idleConnectionTimeoutMs,
  imageSweepIntervalMs,
  imageUidBelowBase,
  personalPlan,
  pruneIntervalMs,
  sweepIntervalMs,
  unusedImageLifetimeMs,
  type PlanLimits,
} from "./limits.js";
import { parseListenAddress, type ListenAddress } from "./listen-address.js";
import { createLogger, type Logger, type LogStream } from "./log.js";
import { endSlowRequests } from "./request-deadline.js";
import { serveUpgrades, type Upgrades } from "./serve-upgrades.js";
import { accountsWithLeftovers, endFormerSessions } from "./workspaces/reconcile.js";

export interface ServerOptions {
  /** Made when missing. One server at a time. */
  dataDirectory: string;
  /** Default 127.0.0.1:7420. Port 0: any free one. */
  listen?: ListenAddress | string;
  /** What sandboxes reach. Default `none`. */
  network?: NetworkMode;
  /** With network `nat`: the only hosts and ports that sandboxes reach. Default: all of the internet. */
  egress?: EgressRule[];
  /** Where repositories may be imported from, and how. */
  imports?: ImportOptions;
  /** A secret that must work as a key of the personal account, besides those made before. */
  apiKey?: string;
  /** Where log lines go. Default: nowhere. */
  log?: LogStream;
  /** Overrides of the plan's limits. */
  limits?: Partial<PlanLimits>;
  /** Where images may come from, beside public registries. */
  images?: Pick<
    ImagesOptions,
    "insecureRegistries" | "privateRegistries" | "localDirectories" | "authFile" | "limits"
  >;
  /** For a server that is root: the first host uid of accounts. */
  hostUidBase?: number;
}

export interface RunningServer extends AsyncDisposable {
  url: string;
  /** The first key of the personal account, only from the start that made it. It cannot be had again. */
  apiKey?: string;
  /** Idempotent. Ends every session, answers what is under way, and lets the data directory go. */
  close(): Promise<void>;
}

/** How long requests may take to finish once the server is closing. */
const closeGraceMs = 5_000;

/** Starts a server. Throws `DataDirectoryInUseError` when another one has the data directory. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { network = "none" } = options;
  const imports = importPolicy(options.imports ?? {}, network);
  if (options.apiKey !== undefined && !isSecret(options.apiKey))
    throw new ServerError("invalid_request", "an API key is sk_ and 32 to 128 letters, digits, - or _");
  const address =
    typeof options.listen === "object" ? options.listen : parseListenAddress(options.listen ?? "7420");
  const log = createLogger(options.log);
  if (options.egress !== undefined && network !== "nat")
    throw new ServerError("invalid_request", "a list of hosts that sandboxes reach needs network nat");
  const egress = options.egress === undefined ? undefined : checkEgress(options.egress);
  const asRoot = process.getuid?.() === 0;

  const closing = new ClosingSteps();
  try {
    const data = await openDataDirectory(options.dataDirectory, asRoot);
    closing.add(() => data.release());
    const db = await openDatabase(data.databaseFile);
    closing.add(() => db.close());
    const runtime = await Runtime.open({
      runDirectory: data.runDirectory,
      allowedNetworks: [...new Set([network, imports.network])],
    });
    closing.add(() => runtime.close());
    const hostUidBase = asRoot ? (options.hostUidBase ?? hostUidBaseDefault) : null;
    const images = Images.open({
      directory: data.imagesDirectory,
      ...options.images,
      ...(hostUidBase === null ? {} : { owner: imageOwner(hostUidBase) }),
    });
    closing.add(() => images.close());
    const context = createContext({
      data,
      db,
      runtime,
      images,
      network,
      egress,
      imports,
      log,
      plan: { ...personalPlan, ...options.limits },
      hostUidBase,
    });
    closing.add(() => context.stores.close());
    closing.add(() => context.sessions.close());
    const apiKey = await firstKey(context, options.apiKey);
    await recover(context);
    for (const start of [sweep, sweepRecords, sweepImages]) {
      const sweeper = start(context, log);
      closing.add(() => clearInterval(sweeper));
    }

    const { server, upgrades } = httpServer(context);
    const url = await listen(server, address);
    closing.add(() => stopAccepting(server, upgrades, context));
    log.info("listening", { url });
    const close = (): Promise<void> => closing.run(log);
    return { url, ...(apiKey === undefined ? {} : { apiKey }), close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await closing.run(log);
    throw error;
  }
}

/** Makes the personal account and its first key, or makes a given key work. Returns a key that was made. */
async function firstKey(context: Context, given: string | undefined): Promise<string | undefined> {
  const { accounts, keys, db } = context;
  const account = await accounts.personal();
  const isFirst = !(await keys.exists(account.id));
  const secret = given ?? (isFirst ? generateSecret() : undefined);
  if (secret !== undefined) await keys.ensure(account.id, secret);
  await db.durable();
  return isFirst ? secret : undefined;
}

/** Cleans up after a former server, however it ended. */
async function recover(context: Context): Promise<void> {
  const { accounts, stores, quota, db } = context;
  const leftovers = await accountsWithLeftovers(db);
  await endFormerSessions(db);
  for (const id of leftovers) await stores.get(await accounts.get(id));
  await pruneRecords(context);
  await context.replays.releaseUnfinished();
  // Opened and measured ahead, so that the first request does not wait; a failure is reported to whoever asks next.
  const personal = await accounts.personal();
  void quota.accountBytes(personal).catch((error: unknown) => context.log.error("store_open", error));
}

function sweep(context: Context, log: Logger): NodeJS.Timeout {
  return setInterval(() => {
    const now = Date.now();
    Promise.all([context.sessions.sweep(now), context.quota.refresh(now)]).catch((error: unknown) =>
      log.error("sweep", error),
    );
  }, sweepIntervalMs).unref();
}

async function pruneRecords({ execRecords, keptCommands, sessions }: Context): Promise<void> {
  for (const records of [execRecords, keptCommands, sessions]) await records.prune(Date.now());
}

function imageOwner(hostUidBase: number): { uid: number; gid: number } {
  const id = hostUidBase - imageUidBelowBase;
  return { uid: id, gid: id };
}

function sweepRecords(context: Context, log: Logger): NodeJS.Timeout {
  return setInterval(() => {
    pruneRecords(context).catch((error: unknown) => log.error("sweep_records", error));
  }, pruneIntervalMs).unref();
}

function sweepImages({ workspaces, sessions, images }: Context, log: Logger): NodeJS.Timeout {
  return setInterval(() => {
    workspaces
      .imageDigests()
      .then((needed) => {
        images.collect(new Set([...needed, ...sessions.imageDigests()]), Date.now() - unusedImageLifetimeMs);
      })
      .catch((error: unknown) => log.error("sweep_images", error));
  }, imageSweepIntervalMs).unref();
}

function httpServer(context: Context): { server: Server; upgrades: Upgrades } {
  const app = createApp(context);
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      headersTimeout: headersTimeoutMs,
      // Uploads may take as long as they need, which Node's own limit does not allow.
      requestTimeout: 0,
      keepAliveTimeout: idleConnectionTimeoutMs,
      connectionsCheckingInterval: 5_000,
    },
  }) as Server;
  server.maxConnections = connectionsMax;
  endSlowRequests(server);
  return { server, upgrades: serveUpgrades(server, (request, env) => app.fetch(request, env)) };
}

function listen(server: Server, { host, port }: ListenAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const bound = server.address();
      const boundPort = bound !== null && typeof bound === "object" ? bound.port : port;
      resolve(`http://${host.includes(":") ? `[${host}]` : host}:${boundPort}`);
    });
  });
}

/** Ending the sessions ends the commands, so requests that wait for one are answered instead of cut off. */
async function stopAccepting(server: Server, upgrades: Upgrades, context: Context): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await context.sessions.close();
  const cut = setTimeout(() => {
    server.closeAllConnections();
    upgrades.close();
  }, closeGraceMs);
  await closed;
  clearTimeout(cut);
}
