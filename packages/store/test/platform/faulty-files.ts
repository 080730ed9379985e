/**
 * Disk access that goes wrong at a chosen change. It stands where the kernel does, so whatever the store does with errors,
 * and whatever a crash leaves behind, can be tried at every single step.
 *
 * `EIO` and `ENOSPC`: that one change fails and has no effect, later ones work; a failing write is torn, half of it lands.
 * `stop`: the process dies there; nothing that comes later happens, except that descriptors (and with them locks) go.
 *
 * Nothing is really synced: a crash of a process loses no page, and a later crash of the machine is to be simulated here.
 */
import { StoreError } from "../../src/errors.js";
import type { Fd, Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { isChange } from "./changes.js";

export type Fault = "EIO" | "ENOSPC" | "stop";

export class FaultyFiles {
  readonly files: Files;
  /** What was asked to change, in order; the failing one included. For messages of tests. */
  readonly changes: string[] = [];
  #at: number;
  readonly #fault: Fault;
  #stopped = false;

  /** `at`: number, from 1, of the change that goes wrong; Infinity for none. */
  constructor(at: number, fault: Fault) {
    this.#at = at;
    this.#fault = fault;
    const operations = Object.entries(linuxFiles).map(([operation, run]) => [
      operation,
      (...args: unknown[]): unknown => this.#call(operation, run.bind(linuxFiles) as never, args),
    ]);
    this.files = Object.fromEntries(operations) as Files;
  }

  /** True when the fault has happened. */
  get happened(): boolean {
    return this.changes.length >= this.#at;
  }

  /** From now on nothing goes wrong any more; what has stopped stays stopped. */
  disarm(): void {
    if (!this.happened) this.#at = Infinity;
  }

  #call(operation: string, run: (...args: unknown[]) => unknown, args: unknown[]): unknown {
    if (this.#stopped) {
      if (operation === "close") run(...args);
      throw fault("EIO", operation);
    }
    if (isChange(operation, args)) {
      this.changes.push(describe(operation, args));
      if (this.changes.length === this.#at) {
        if (operation === "write") tear(args as Parameters<Files["write"]>);
        this.#stopped = this.#fault === "stop";
        throw fault(this.#fault === "ENOSPC" ? "ENOSPC" : "EIO", operation);
      }
    }
    return operation.startsWith("sync") ? undefined : run(...args);
  }
}

/** The real disk, without waiting for it. */
export const unsyncedFiles: Files = new FaultyFiles(Infinity, "EIO").files;

function tear([fd, bytes, position]: [Fd, Uint8Array, number]): void {
  linuxFiles.write(fd, bytes.subarray(0, Math.floor(bytes.length / 2)), position);
}

function fault(errno: string, operation: string): StoreError {
  const code = errno === "ENOSPC" ? "no_space" : "io_error";
  return new StoreError(code, `${operation}: ${errno} by test`, { data: { errno } });
}

function describe(operation: string, args: unknown[]): string {
  return [operation, ...args.filter((arg) => typeof arg === "string")].join(" ");
}
