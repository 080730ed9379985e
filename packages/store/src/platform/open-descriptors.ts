/**
 * Which descriptors a thread has open, in memory that outlives it. The kernel gives descriptors to the process: those of a thread that
 * died stay open, and the locks on them stay taken.
 */
import { closeSync } from "node:fs";
import type { Files } from "./files.js";

/** What no process is allowed to have without changing the kernel's settings. Memory that is not written to is none. */
const descriptorsMax = 1 << 20;

export class OpenDescriptors {
  readonly memory: SharedArrayBuffer;
  /** 1 at the number of each that is open. */
  readonly #open: Uint8Array;

  constructor(memory = new SharedArrayBuffer(descriptorsMax)) {
    this.memory = memory;
    this.#open = new Uint8Array(memory);
  }

  /** `files`, whose descriptors are noted. */
  noted(files: Files): Files {
    return {
      ...files,
      open: (directory, name, options) => {
        const fd = files.open(directory, name, options);
        this.#open[fd] = 1;
        return fd;
      },
      // Forgotten first: the number may belong to somebody else the moment it is free.
      close: (fd) => {
        this.#open[fd] = 0;
        files.close(fd);
      },
    };
  }

  /** For whoever is left when the thread has ended. */
  closeAll(): void {
    for (let fd = this.#open.indexOf(1); fd >= 0; fd = this.#open.indexOf(1, fd + 1)) {
      this.#open[fd] = 0;
      closeSync(fd);
    }
  }
}
