import { kernelHoldsDisks } from "@chaser/store";
import type { Capability } from "./capability.js";

/** Who ends what would make a disk on the filesystem of `directory` larger than it may be. */
export async function probeDiskCaps(directory: string): Promise<Capability> {
  return judgeDiskCaps(await kernelHoldsDisks(directory), process.getuid?.() === 0);
}

export function judgeDiskCaps(isKernel: boolean, isRoot: boolean): Capability {
  const base = { name: "disk caps", required: false };
  if (isKernel)
    return { ...base, ok: true, detail: "the kernel holds each disk to its cap, by project quotas" };
  const filesystem = "ext4 or XFS mounted with prjquota, on Linux 5.14 or later, lets the kernel do it";
  return {
    ...base,
    ok: false,
    detail:
      "a watch holds disks to their caps: who writes fast gets beyond by what it writes until it is looked at",
    remedy: isRoot ? filesystem : `run the server as root; then ${filesystem}`,
  };
}
