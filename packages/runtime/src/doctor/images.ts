import { chownSync, closeSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { mountIdMapped, openIdMap, unmount } from "../platform/idmapped-mount.js";
import { probeSkopeo } from "../image/skopeo.js";
import type { HostUser } from "../sandbox/spec.js";
import type { Capability } from "./capability.js";
import { missingProgram } from "./programs.js";

/** Whether images can be fetched, and shown to sessions that run as `user` with its own uid as owner. */
export async function probeImages(directory: string, user: HostUser | null): Promise<Capability> {
  const base = { name: "images", required: false };
  const missing = missingProgram(["skopeo", "bwrap", "prlimit"]);
  if (missing !== null) return { ...base, ok: false, ...missing };
  let version: string;
  try {
    version = await probeSkopeo(directory);
  } catch (error) {
    return { ...base, ok: false, detail: (error as Error).message };
  }
  const onlyUser = "commands in an image are uid 1000 alone, never its root";
  if (user === null) return { ...base, ok: true, detail: `${version}; ${onlyUser}` };
  const [layers, shown] = ["layers", "shown"].map((name) => join(directory, name)) as [string, string];
  for (const path of [layers, shown]) mkdirSync(path, { mode: 0o711 });
  const owner = { uid: user.uid - 1, gid: user.gid - 1 };
  chownSync(layers, owner.uid, owner.gid);
  try {
    const idMap = await openIdMap(owner, user);
    try {
      mountIdMapped(layers, shown, idMap);
    } finally {
      closeSync(idMap);
    }
    unmount(shown);
    return { ...base, ok: true, detail: `${version}, and id-mapped mounts; ${onlyUser}` };
  } catch (error) {
    return {
      ...base,
      ok: false,
      detail: `an id-mapped mount cannot be made: ${(error as Error).message}`,
      remedy:
        "Linux 5.19 and ext4, XFS or btrfs are needed, and CAP_SYS_ADMIN; or run the server as an ordinary user",
    };
  }
}
