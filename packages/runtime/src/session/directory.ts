/** A session's directory below the run directory, and the record that lets a successor clean up after a crash. */
import { chownSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "../platform/directory.js";
import { unmount } from "../platform/idmapped-mount.js";
import type { HostUser } from "../sandbox/spec.js";

export interface SessionRecord {
  keeperPid: number;
  /** With the pid it names one process for the machine's whole uptime. */
  keeperStartTicks: string;
}

export const stateDirectory = (directory: string): string => join(directory, "state");
export const hostsPath = (directory: string): string => join(directory, "hosts");
/** Where an image's layers appear with the owner that the session has, for the moment of its start. */
export const layersDirectory = (directory: string): string => join(directory, "layers");
/** The files of the runtime's own that lie over an image. */
export const overridesDirectory = (directory: string): string => join(directory, "overrides");
/** Links to all that is mounted as an image's root. */
export const stackDirectory = (directory: string): string => join(directory, "stack");
const recordPath = (directory: string): string => join(directory, "record.json");

/** Made anew: what stood there belongs to no running session. `state` is the host user's, to mount on. */
export function makeSessionDirectory(directory: string, user: HostUser | null): void {
  removeSessionDirectory(directory);
  // Others may pass through, not look: the sandbox's host user is another one when this process is root.
  makeDirectory(directory, 0o711);
  makeDirectory(stateDirectory(directory), 0o700);
  if (user !== null) chownSync(stateDirectory(directory), user.uid, user.gid);
}

export function removeSessionDirectory(directory: string): void {
  // Left mounted by a crash within that moment.
  if (process.getuid?.() === 0) unmount(layersDirectory(directory));
  rmSync(directory, { recursive: true, force: true });
}

/** Clock ticks since boot at which the process started, or null when there is none. */
export function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

export function writeRecord(directory: string, keeperPid: number): void {
  const record: SessionRecord = { keeperPid, keeperStartTicks: startTicks(keeperPid) ?? "" };
  writeFileSync(recordPath(directory), JSON.stringify(record));
}

export function readRecord(directory: string): SessionRecord | null {
  try {
    return JSON.parse(readFileSync(recordPath(directory), "utf8")) as SessionRecord;
  } catch {
    return null;
  }
}
