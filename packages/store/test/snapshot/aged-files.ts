import { StoreError } from "../../src/errors.js";
import type { Files, Stat } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { stateCheckBy } from "../platform/state-check.js";

/**
 * The kernel's files with times an hour back, so that what a test has just made counts as settled, with a list of what is
 * done to them, and names that may not be opened.
 */
export function agedFiles(): { files: Files; calls: string[]; denied: Set<string> } {
  const calls: string[] = [];
  const denied = new Set<string>();
  const aged = (stat: Stat): Stat => {
    const { inode, device, ctimeSeconds } = stat;
    return { ...stat, inode, device, ctimeSeconds: ctimeSeconds - 3600 };
  };
  const stat: Files["stat"] = (directory, name) => aged(linuxFiles.stat(directory, name));
  const statOpen: Files["statOpen"] = (fd) => aged(linuxFiles.statOpen(fd));
  const files: Files = {
    ...linuxFiles,
    stat,
    statOpen,
    stateCheck: stateCheckBy({ stat, statOpen }),
    open(directory, name, options) {
      const text = Buffer.from(name as never).toString("utf8");
      if (denied.has(text)) {
        throw new StoreError("permission_denied", `open ${text}`, { data: { errno: "EACCES" } });
      }
      return linuxFiles.open(directory, name, options);
    },
    list(fd) {
      calls.push("list");
      return linuxFiles.list(fd);
    },
    readSome(fd, buffer, position) {
      calls.push("read");
      return linuxFiles.readSome(fd, buffer, position);
    },
  };
  return { files, calls, denied };
}
