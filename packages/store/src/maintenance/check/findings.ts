/** Collects what a check finds. */
import type { FsckFinding } from "../../api.js";
import { StoreError } from "../../errors.js";
import { isErrno } from "../../platform/files.js";

export class Findings {
  readonly #all = new Map<string, FsckFinding>();

  get all(): FsckFinding[] {
    return [...this.#all.values()];
  }

  /** What is found again for another snapshot is one finding that names both. */
  add(code: string, object: string, message: string, snapshots: string[] = []): void {
    const key = JSON.stringify([code, object, message]);
    const known = this.#all.get(key);
    if (known === undefined) this.#all.set(key, { code, object, message, snapshots });
    else known.snapshots.push(...snapshots);
  }

  /** Runs, and makes damage that it meets a finding. True when there was none. */
  guard(code: string, object: string, run: () => void): boolean {
    try {
      run();
      return true;
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.add(code, object, error.message);
      return false;
    }
  }
}

/** True for what is wrong with the store; a lack of memory, descriptors or permission says nothing about it. */
export function isDamage(error: unknown): error is StoreError {
  if (!(error instanceof StoreError)) return false;
  const isCode = ["corrupt", "chunk_missing", "store_version_unsupported"].includes(error.code);
  // A sector that cannot be read, or something else than a file under a file's name.
  return isCode || isErrno(error, "EIO", "EISDIR", "ENOTDIR", "ELOOP", "ENXIO");
}
