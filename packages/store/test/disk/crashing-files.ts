/** Disk access that ends at a chosen change, as if the process had been killed there: nothing is changed from then on. */
import { StoreError } from "../../src/errors.js";
import type { Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { isChange } from "../platform/changes.js";

export interface CrashingFiles {
  files: Files;
  /** How many changes were asked for, the one that failed included. */
  count: () => number;
  crashed: () => boolean;
}

/** `crashAt`: the number, from 1, of the change that does not happen; Infinity for none. */
export function crashingFiles(crashAt: number): CrashingFiles {
  let count = 0;
  let crashed = false;
  const before = (): void => {
    if (!crashed) count += 1;
    if (count < crashAt) return;
    crashed = true;
    throw new StoreError("io_error", "killed here", { data: { errno: "EIO" } });
  };
  const files = new Proxy(linuxFiles, {
    get(target, key: keyof Files) {
      const method = target[key].bind(target) as (...values: unknown[]) => unknown;
      return (...values: unknown[]) => {
        if (isChange(key, values)) before();
        return method(...values);
      };
    },
  });
  return { files, count: () => count, crashed: () => crashed };
}
