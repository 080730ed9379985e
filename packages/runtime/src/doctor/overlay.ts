import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../platform/programs.js";
import { run } from "../platform/run.js";
import type { HostUser } from "../sandbox/spec.js";
import type { Capability } from "./capability.js";

/** Mounts an overlay the way a disk is mounted, writes through it, and deletes a lower file through it. */
const SCRIPT = `set -eu
cd "$1"
# The kernel leaves a directory that its owner cannot read, and so could not remove.
trap "umount merged 2>/dev/null; chmod -R u+rwx work" EXIT
echo lower > lower/file
mount -t overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work disk merged
rm merged/file
echo upper > merged/other
[ -f upper/other ] && [ -c upper/file ]
`;

export async function probeOverlay(directory: string, user: HostUser | null): Promise<Capability> {
  const base = { name: "overlay disks", required: false };
  const unshare = findProgram("unshare");
  if (unshare === null) {
    return { ...base, ok: false, detail: "program unshare is not installed", remedy: "install util-linux" };
  }
  const place = join(directory, "overlay");
  for (const path of [place, ...["lower", "upper", "work", "merged"].map((name) => join(place, name))]) {
    mkdirSync(path, { mode: 0o755 });
    if (user !== null) chownSync(path, user.uid, user.gid);
  }
  const { code, stderr } = await run(
    unshare,
    ["--user", "--map-root-user", "--mount", "/bin/sh", "-c", SCRIPT, "overlay", place],
    { user },
  );
  if (code === 0) return { ...base, ok: true, detail: `overlay works in a user namespace on ${directory}` };
  return {
    ...base,
    ok: false,
    detail: stderr,
    remedy:
      "Linux 5.11 or later is needed, and a filesystem with user extended attributes; disks can use the directory driver",
  };
}
