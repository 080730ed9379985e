/** Which calls change a disk: where faults and crashes are tried. */
import type { Files, OpenOptions } from "../../src/platform/files.js";

const changes: ReadonlySet<string> = new Set<keyof Files>([
  "write",
  "truncate",
  "shareContent",
  "sync",
  "syncFilesystem",
  "makeDirectory",
  "makeSubvolume",
  "copySubvolume",
  "removeDirectory",
  "unlink",
  "rename",
  "link",
  "makeSymlink",
  "makeNode",
  "setMode",
  "setOwner",
  "setModified",
  "setXattr",
  "removeXattr",
]);

/** `open` is a change when it may make a file. */
export function isChange(operation: string, args: unknown[]): boolean {
  if (operation !== "open") return changes.has(operation);
  return (args[2] as OpenOptions | undefined)?.access === "create";
}
