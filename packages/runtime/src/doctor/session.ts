/** The last word: real sessions, with a real command in each. */
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { NetworkMode } from "../api.js";
import { RuntimeError } from "../errors.js";
import { capture } from "../exec/capture.js";
import { Runtime } from "../runtime.js";
import type { HostUser } from "../sandbox/spec.js";
import type { Capability } from "./capability.js";
import { missingProgram } from "./programs.js";

const TRIAL_MS_MAX = 10_000;
const TUN_REMEDY =
  "load the module (modprobe tun) and give its device the usual mode: chmod 0666 /dev/net/tun";

async function trySession(directory: string, user: HostUser | null, network: NetworkMode): Promise<void> {
  const place = join(directory, `session-${network}`);
  const disk = join(place, "disk");
  mkdirSync(place, { mode: 0o711 });
  for (const path of [disk, join(disk, "workspace"), join(disk, "home"), join(disk, "home/chaser")]) {
    mkdirSync(path, { mode: 0o755 });
    if (user !== null) chownSync(path, user.uid, user.gid);
  }
  await using runtime = await Runtime.open({ runDirectory: join(place, "run"), allowedNetworks: [network] });
  const session = await runtime.startSession({
    id: "probe",
    mount: { driver: "directory", path: disk },
    network,
    ...(user === null ? {} : { hostUid: user.uid, hostGid: user.gid }),
  });
  const result = await capture(await session.exec({ command: "id -u", timeoutMs: TRIAL_MS_MAX }));
  if (result.exitCode !== 0 || result.stdout.toString() !== "1000\n") {
    throw new RuntimeError("sandbox_unavailable", `a trial command failed: ${result.output.toString()}`);
  }
}

function describe(error: unknown): { detail: string; remedy?: string } {
  if (!(error instanceof RuntimeError)) return { detail: String(error) };
  const { remedy } = error.data;
  return { detail: error.message, ...(typeof remedy === "string" ? { remedy } : {}) };
}

export async function probeSession(
  name: string,
  directory: string,
  user: HostUser | null,
  network: NetworkMode,
): Promise<Capability> {
  const base = { name, required: network === "none" };
  const missing = network === "nat" ? missingProgram(["slirp4netns", "ip"]) : null;
  if (missing !== null) return { ...base, ok: false, ...missing };
  try {
    await trySession(directory, user, network);
    return { ...base, ok: true, detail: "a session started and ran a command" };
  } catch (error) {
    const { detail, remedy } = describe(error);
    const advice = remedy ?? (detail.includes("/dev/net/tun") ? TUN_REMEDY : undefined);
    return { ...base, ok: false, detail, ...(advice === undefined ? {} : { remedy: advice }) };
  }
}
