/** Whether the tests can run here at all: for `skip`, false or the reason. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { NetworkMode } from "../../src/index.js";
import type { Capability } from "../../src/doctor/capability.js";
import { probeOverlay } from "../../src/doctor/overlay.js";
import { probeSession } from "../../src/doctor/session.js";
import { hostUser, makeDirectory, removeDirectory, runsAsRoot } from "./fixture.js";

const user = hostUser.hostUid === undefined ? null : { uid: hostUser.hostUid, gid: hostUser.hostGid };

async function reason(find: (directory: string) => Promise<Capability>): Promise<string | false> {
  const directory = makeDirectory();
  try {
    const place = join(directory, "probe");
    mkdirSync(place, { mode: 0o711 });
    const { ok, name, detail } = await find(place);
    return ok ? false : `${name}: ${detail}`;
  } finally {
    removeDirectory(directory);
  }
}

const sessionReason = (network: NetworkMode): Promise<string | false> =>
  reason((directory) => probeSession(`session with network ${network}`, directory, user, network));

export const noSandbox =
  (await sessionReason("none")) || (await reason((directory) => probeOverlay(directory, user)));

/** An ordinary user can only bring up `nat` where `/dev/net/tun` has its usual mode; root always should. */
export const noNat = async (): Promise<string | false> => {
  const cause = await sessionReason("nat");
  return cause !== false && !runsAsRoot && cause.includes("/dev/net/tun")
    ? `needs root here: ${cause}`
    : cause;
};
