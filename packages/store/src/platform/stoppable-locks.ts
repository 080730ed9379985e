/** Waiting for a lock in a way that can be given up. */
import { StoreError } from "../errors.js";
import type { Files } from "./files.js";

/** How long nobody asks again. A lock is rarely held when it is wanted. */
const pauseMs = 5;
const neverWoken = new Int32Array(new SharedArrayBuffer(4));

/** `isStopped` is asked while a lock is waited for; once it is true, the wait ends with code `aborted`. */
export function stoppableLocks(files: Files, isStopped: () => boolean): Files {
  return {
    ...files,
    lock: (fd, kind, wait) => {
      while (!files.lock(fd, kind, false)) {
        if (!wait) return false;
        if (isStopped()) throw new StoreError("aborted", "stopped by the caller");
        Atomics.wait(neverWoken, 0, 0, pauseMs);
      }
      return true;
    },
  };
}
