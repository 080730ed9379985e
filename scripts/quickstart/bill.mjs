import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { StoryError } from "./cli.mjs";

/** Compares `used_bytes` of the bill with what `du` says of the account's directory. */
export async function checkBill({ chaser, directory, say }) {
  const accounts = readdirSync(join(directory.data, "accounts"));
  if (accounts.length !== 1) throw new StoryError(`there are ${accounts.length} accounts instead of one`);
  const { storage } = await chaser.json(["billing", "summary"], say);
  const onDisk = diskUsage(join(directory.data, "accounts", accounts[0]));
  const parts =
    storage.by_workspace.reduce((sum, { bytes }) => sum + bytes, 0) +
    storage.snapshots_bytes +
    storage.shared_bytes +
    storage.dead_bytes +
    storage.overhead_bytes;
  say(`used_bytes  ${storage.used_bytes}`);
  say(`du -s -B1   ${onDisk}`);
  if (storage.used_bytes !== onDisk) throw new StoryError("the bill is not what the disk holds");
  if (parts !== storage.used_bytes) throw new StoryError(`the parts of the bill add up to ${parts}`);
}

/** An overlay's work area holds a directory of mode 000: its owner's `du` counts it, complains, and exits with 1. */
function diskUsage(path) {
  const { stdout, error } = spawnSync("du", ["-s", "-B1", "--", path], { encoding: "utf8" });
  if (error !== undefined) throw error;
  return Number(stdout.split("\t")[0]);
}
