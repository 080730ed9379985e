/** Brings up all that a session consists of, or leaves nothing of it. */
import { readlinkSync } from "node:fs";
import type { NetworkMode, SessionSpec } from "../api.js";
import type { SessionGroup } from "../cgroup/group.js";
import { startEgress } from "../egress/egress.js";
import { checkEgress } from "../egress/rules.js";
import type { SessionLimits } from "../limits.js";
import { writePublicFile } from "../platform/directory.js";
import { hostsFile } from "../sandbox/etc.js";
import type { RootEntry } from "../sandbox/host-root.js";
import { HOSTNAME_DEFAULT } from "../sandbox/identity.js";
import { stateLayout, type StateLayout } from "../sandbox/mounts.js";
import type { SeccompFilters } from "../sandbox/seccomp/policy.js";
import type { HostUser } from "../sandbox/spec.js";
import {
  hostsPath,
  makeSessionDirectory,
  removeSessionDirectory,
  stateDirectory,
  writeRecord,
} from "./directory.js";
import { prepareImageRoot, type ImageRoot } from "./image-root.js";
import { startKeeper, type Keeper, type KeeperPlan, type StartingKeeper } from "./keeper.js";
import { mountProc } from "./mount-proc.js";
import { startNat, type NetworkStack } from "./network.js";

/** What a session needs beyond its spec, decided by the runtime. */
export interface SessionSetting {
  directory: string;
  etc: string;
  root: readonly RootEntry[];
  seccomp: SeccompFilters;
  user: HostUser | null;
  network: NetworkMode;
  limits: SessionLimits;
  /** Which descriptor maps an owner of files to the session's user. */
  idMap: (from: HostUser, to: HostUser) => Promise<number>;
  /** What the kernel holds the session's processes to together; null where nothing is delegated. */
  group: SessionGroup | null;
}

/** What holds a session, and what commands are started with. */
export interface SessionParts {
  layout: StateLayout;
  keeper: Keeper;
  /** As `/proc/PID/ns/pid` names it, of every process of the session. */
  pidNamespace: string;
  stack: NetworkStack | null;
  /** What commands find at the root: of the host, or of the image. */
  root: readonly RootEntry[];
}

export async function setUpSession(spec: SessionSpec, setting: SessionSetting): Promise<SessionParts> {
  const { directory, group, network, user } = setting;
  const layout = stateLayout(stateDirectory(directory), spec.mount);
  const hostname = spec.hostname ?? HOSTNAME_DEFAULT;
  makeSessionDirectory(directory, user);
  let starting: StartingKeeper | null = null;
  let stack: NetworkStack | null = null;
  let imageRoot: ImageRoot | null = null;
  try {
    if (spec.image !== undefined) imageRoot = await prepareImageRoot(spec.image, { ...setting, hostname });
    if (hostname !== HOSTNAME_DEFAULT) writePublicFile(hostsPath(directory), hostsFile(hostname));
    starting = startKeeper({
      ...setting,
      networkOf: networkOf(spec, network),
      seccomp: setting.seccomp.ordinary,
      layout,
      mount: spec.mount,
      rootMount: imageRoot?.mount ?? null,
      hostname,
    });
    const { keeperPid, ready } = starting;
    writeRecord(directory, keeperPid);
    const standing = starting.initPid.then((initPid) => {
      imageRoot?.release();
      return mountProc({ keeperPid, initPid, network, user, proc: layout.proc });
    });
    // Settled, not raced: nothing may still be at work in the session when it is taken down.
    const [isReady, mounted, connected] = await Promise.allSettled([
      ready,
      standing,
      startNetwork(starting, spec, setting),
    ]);
    if (connected.status === "fulfilled") stack = connected.value;
    for (const step of [isReady, mounted, connected]) if (step.status === "rejected") throw step.reason;
    const initPid = await starting.initPid;
    return {
      layout,
      keeper: { ...starting, initPid },
      pidNamespace: readlinkSync(`/proc/${String(initPid)}/ns/pid`),
      stack,
      root: imageRoot === null ? setting.root : imageRoot.entries(keeperPid, layout.root),
    };
  } catch (error) {
    imageRoot?.release();
    stack?.stop();
    starting?.release();
    await starting?.exited;
    await group?.remove();
    removeSessionDirectory(directory);
    throw error;
  }
}

/** What a way out is made of needs no loopback, but the proxy of an allow-list does. */
function networkOf({ egress }: SessionSpec, network: NetworkMode): KeeperPlan["networkOf"] {
  if (network === "host") return null;
  return network === "nat" && egress === undefined ? "keeper" : "init";
}

async function startNetwork(
  { keeperPid, unshared, initPid, ready }: StartingKeeper,
  { egress }: SessionSpec,
  { network, user }: SessionSetting,
): Promise<NetworkStack | null> {
  if (network !== "nat") return null;
  if (egress === undefined) return startNat({ keeperPid, user, unshared });
  await ready;
  return startEgress({ keeperPid, initPid: await initPid, user }, checkEgress(egress));
}
