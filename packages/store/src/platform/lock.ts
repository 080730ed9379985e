/** `flock` on files of their own, so that a holder's death frees them and no time-out has to be guessed. */
import { anywhere, type Fd, type Files } from "./files.js";

export class Lock {
  readonly #files: Files;
  #fd: Fd | null;

  private constructor(files: Files, fd: Fd) {
    this.#files = files;
    this.#fd = fd;
  }

  /** Null when it is held otherwise and `wait` is false. */
  static take(
    files: Files,
    path: string,
    kind: "shared" | "exclusive",
    { wait }: { wait: boolean },
  ): Lock | null {
    const fd = files.open(anywhere, path, { access: "lock" });
    let held = false;
    try {
      held = files.lock(fd, kind, wait);
    } finally {
      if (!held) files.close(fd);
    }
    return held ? new Lock(files, fd) : null;
  }

  /** Idempotent. */
  release(): void {
    if (this.#fd === null) return;
    this.#files.close(this.#fd);
    this.#fd = null;
  }
}

export function withLock<Result>(
  files: Files,
  path: string,
  kind: "shared" | "exclusive",
  run: () => Result,
): Result {
  const lock = Lock.take(files, path, kind, { wait: true }) as Lock;
  try {
    return run();
  } finally {
    lock.release();
  }
}
