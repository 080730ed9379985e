import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostUser } from "../sandbox/spec.js";
import type { Capability } from "./capability.js";
import { probeCgroup } from "./cgroup.js";
import { probeDiskCaps } from "./disk-caps.js";
import { probeImages } from "./images.js";
import { probeKernel } from "./kernel.js";
import { probeUserNamespaces } from "./namespaces.js";
import { probeOverlay } from "./overlay.js";
import { probeBubblewrap } from "./programs.js";
import { probeSession } from "./session.js";
import { probeTransfers } from "./transfers.js";

/** For trials by root: an ordinary user of the host, who owns nothing that matters. */
const TRIAL_USER: HostUser = { uid: 65_534, gid: 65_534 };

/**
 * Finds out by trying what this machine can do, and says what to do about what it cannot. `directory` is where the
 * trials take place, best on the filesystem of the data; a directory of their own is made there and removed.
 */
export async function probe(options: { directory?: string } = {}): Promise<Capability[]> {
  const directory = mkdtempSync(join(options.directory ?? tmpdir(), "chaser-probe-"));
  chmodSync(directory, 0o711);
  const user = process.getuid?.() === 0 ? TRIAL_USER : null;
  try {
    return [
      probeKernel(),
      await probeBubblewrap(),
      await probeUserNamespaces(user),
      await probeOverlay(directory, user),
      await probeDiskCaps(directory),
      await probeSession("sandbox session", directory, user, "none"),
      await probeSession("network nat", directory, user, "nat"),
      await probeImages(directory, user),
      probeTransfers(),
      probeCgroup(),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
