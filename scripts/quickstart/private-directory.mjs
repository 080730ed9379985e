import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";

/**
 * Below /var/tmp, because /tmp is often held in memory. A server that is root gives every account a user of its own, who
 * must be able to pass through the directories above its files: hence 0711 then, and closed to everybody else otherwise.
 */
export function openPrivateDirectory() {
  const root = mkdtempSync("/var/tmp/chaser-quickstart-");
  if (process.getuid() === 0) chmodSync(root, 0o711);
  const config = join(root, "config");
  mkdirSync(config, { mode: 0o700 });
  let removed = false;
  return {
    root,
    config,
    data: join(root, "data"),
    remove() {
      if (removed) return;
      removed = true;
      removeTree(root);
    },
  };
}

/** The kernel leaves directories of mode 000 in an overlay's work area, which their owner must open to remove them. */
function removeTree(root) {
  if (process.getuid() !== 0)
    spawnSync("find", [root, "-type", "d", "!", "-perm", "-700", "-exec", "chmod", "u+rwx", "{}", ";"]);
  const { status, stderr } = spawnSync("rm", ["-rf", "--", root], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr.trim());
}
