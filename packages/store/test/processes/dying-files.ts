/** The real disk below a directory, for a process that kills itself at a chosen change. */
import { anywhere, type Fd, type Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { isChange } from "../platform/changes.js";

/** `/data` and what is below it stand in `place`. Syncs do nothing: the kernel outlives the process. */
export function filesIn(place: string, before: (operation: string, args: unknown[]) => void): Files {
  const operations = Object.entries(linuxFiles).map(([operation, run]) => [
    operation,
    (...given: unknown[]): unknown => {
      const args = given.map((arg, n) => {
        const isPath = given[n - 1] === anywhere && typeof arg === "string" && arg.startsWith("/data");
        return isPath ? `${place}${arg}` : arg;
      });
      before(operation, args);
      return operation.startsWith("sync")
        ? undefined
        : (run as (...all: unknown[]) => unknown).apply(linuxFiles, args);
    },
  ]);
  return Object.fromEntries(operations) as Files;
}

/** Ends this process before change `at`, a number from 1; a write is half done by then. */
export function dyingFiles(place: string, at: number): Files {
  let changes = 0;
  return filesIn(place, (operation, args) => {
    if (!isChange(operation, args)) return;
    changes += 1;
    if (changes < at) return;
    if (operation === "write") {
      const [fd, bytes, position] = args as [Fd, Uint8Array, number];
      linuxFiles.write(fd, bytes.subarray(0, Math.floor(bytes.length / 2)), position);
    }
    process.kill(process.pid, "SIGKILL");
  });
}
