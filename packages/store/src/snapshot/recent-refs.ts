/**
 * The ids among which the newest snapshot of a scope is, so that not every ref is read to find it. Known until another process
 * changes any ref: whoever does gives the lock's file a modification time that it never had, before the change and under the lock.
 */
import type { SnapshotId } from "../ids.js";
import { statIfPresent } from "../platform/durable.js";
import { anywhere, type Files } from "../platform/files.js";
import { withLock } from "../platform/lock.js";
import { randomBelow } from "../platform/random.js";
import type { RefScope } from "./ref-scope.js";

export class RecentRefs {
  readonly #files: Files;
  readonly #lockPath: string;
  readonly #ids = new Map<RefScope, SnapshotId[]>();
  /** What the lock's file bore when the ids were right. */
  #mark: string | null = null;

  constructor(files: Files, lockPath: string) {
    this.#files = files;
    this.#lockPath = lockPath;
  }

  /** Null when all refs have to be read; `keep` then says what was found. Not to be called under the lock. */
  get(scope: RefScope): readonly SnapshotId[] | null {
    if (this.#present() !== this.#mark) {
      this.#ids.clear();
      // Under the lock, so that nobody is between the mark and the change.
      this.#mark = withLock(this.#files, this.#lockPath, "shared", () => this.#present());
    }
    return this.#ids.get(scope) ?? null;
  }

  /** What holds since the last `get`. */
  keep(scope: RefScope, ids: SnapshotId[]): void {
    this.#ids.set(scope, ids);
  }

  /** To be called under the lock before any change. */
  mark(): void {
    if (this.#present() !== this.#mark) this.#ids.clear();
    // No clock gives such a time but by chance, and none need keep it: who remembers does not outlive the machine.
    this.#files.setModified(anywhere, this.#lockPath, randomBelow(2 ** 31), randomBelow(1e9));
    this.#mark = this.#present();
  }

  /** Whether the scope has a ref that this process saw. True only between `mark` and the end of the lock. */
  has(scope: RefScope): boolean {
    return (this.#ids.get(scope)?.length ?? 0) > 0;
  }

  add(scope: RefScope, id: SnapshotId): void {
    this.#ids.get(scope)?.push(id);
  }

  remove(scope: RefScope, id: SnapshotId): void {
    if (this.#ids.get(scope)?.includes(id) === true) this.forget(scope);
  }

  forget(scope: RefScope): void {
    this.#ids.delete(scope);
  }

  #present(): string | null {
    const stat = statIfPresent(this.#files, this.#lockPath);
    return stat === null ? null : `${stat.inode}/${stat.mtimeSeconds}.${stat.mtimeNanoseconds}`;
  }
}
