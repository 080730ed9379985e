/**
 * The disks of a store by id: where they are, what they say of themselves, and who may use them.
 *
 * Locks, always taken in this order: the lock of a disk (never waited for), the lock of the objects, the lock `disks`.
 * The last is held for moments only, shared to take the lock of a disk and exclusively while a disk or layer comes under
 * its name or goes, so that no sweep meets a layer between its making and its first use. It is never taken twice.
 */
import type { LayerId } from "../ids.js";
import { StoreError } from "../errors.js";
import type { Layout } from "../layout.js";
import { namesIn, readWhole, writeDurably } from "../platform/durable.js";
import { anywhere, isErrno, type Files } from "../platform/files.js";
import { Lock, withLock } from "../platform/lock.js";
import { StagedFile } from "../platform/staged-file.js";
import { checkDiskId, decodeDescription, encodeDescription, type DiskDescription } from "./description.js";
import { filesName } from "./generation.js";
import { decodeLayer } from "./layer-file.js";
import { layerFileName, type Layers } from "./layers.js";

export const descriptionName = "disk.json";
export const lockName = "lock";

export class DiskRegistry {
  readonly files: Files;
  readonly layout: Layout;
  readonly layers: Layers;
  /** By the description that names the topmost: as long as that holds, so does the stack, for layers that a disk stands on stay. */
  readonly #stacks = new WeakMap<DiskDescription, LayerId[]>();

  constructor(files: Files, layout: Layout, layers: Layers) {
    this.files = files;
    this.layout = layout;
    this.layers = layers;
  }

  path(id: string): string {
    return `${this.layout.disks}/${id}`;
  }

  /** The writable files of a disk. */
  upperPath(disk: DiskDescription): string {
    return `${this.path(disk.id)}/${disk.upper}/${filesName}`;
  }

  ids(): string[] {
    return namesIn(this.files, this.layout.disks);
  }

  exists(id: string): boolean {
    try {
      this.files.stat(anywhere, this.path(id));
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
  }

  /** Code `disk_not_found`. */
  read(id: string): DiskDescription {
    checkDiskId(id);
    const bytes = readWhole(this.files, `${this.path(id)}/${descriptionName}`);
    if (bytes !== null) return decodeDescription(id, bytes);
    throw new StoreError("disk_not_found", `there is no disk ${JSON.stringify(id)}`, { data: { disk: id } });
  }

  /** The commit point of every change of a disk. Returns what was written. */
  write(disk: DiskDescription): DiskDescription {
    writeDurably(this.files, this.path(disk.id), descriptionName, encodeDescription(disk));
    return disk;
  }

  /** The same in steps, for who makes more durable before: writes it beside the present description, where nothing names it. */
  stage(disk: DiskDescription): StagedFile {
    return StagedFile.create(this.files, this.path(disk.id), encodeDescription(disk));
  }

  /** Codes `disk_not_found`, and `disk_in_use` when somebody has it. */
  take(id: string): Lock {
    return this.guarded("shared", () => {
      checkDiskId(id);
      const path = `${this.path(id)}/${lockName}`;
      let lock: Lock | null;
      try {
        lock = Lock.take(this.files, path, "exclusive", { wait: false });
      } catch (error) {
        if (isErrno(error, "ENOENT")) this.read(id);
        throw error;
      }
      if (lock !== null) {
        try {
          // So that figures of the disk which were made before are known to be old.
          this.files.setModified(anywhere, path, 0, 0);
          return lock;
        } catch (error) {
          lock.release();
          throw error;
        }
      }
      throw new StoreError("disk_in_use", `disk ${JSON.stringify(id)} is in use`, { data: { disk: id } });
    });
  }

  isTaken(id: string): boolean {
    return this.taken([id]).has(id);
  }

  /** Those that somebody has. Asked under the exclusive lock of all disks, so that asking keeps nobody from taking one. */
  taken(ids: readonly string[]): Set<string> {
    return this.guarded(
      "exclusive",
      () =>
        new Set(
          ids.filter((id) => {
            try {
              const lock = Lock.take(this.files, `${this.path(id)}/${lockName}`, "shared", { wait: false });
              lock?.release();
              return lock === null;
            } catch (error) {
              // Deleted since it was listed.
              if (isErrno(error, "ENOENT")) return false;
              throw error;
            }
          }),
        ),
    );
  }

  guarded<Result>(kind: "shared" | "exclusive", run: () => Result): Result {
    return withLock(this.files, this.layout.disksLock, kind, run);
  }

  /** The generation that is the disk's top layer already and still has to be moved; null when there is none. */
  unmoved(disk: DiskDescription): string | null {
    if (disk.freezing === null || disk.top === null || this.layers.exists(disk.top)) return null;
    return `${this.path(disk.id)}/${disk.freezing}`;
  }

  /** The layers under a disk, topmost first, also while its top layer waits to be moved. Code `corrupt`. */
  stack(disk: DiskDescription): LayerId[] {
    const known = this.#stacks.get(disk);
    if (known !== undefined) return known;
    const stack = this.#readStack(disk);
    this.#stacks.set(disk, stack);
    return stack;
  }

  #readStack(disk: DiskDescription): LayerId[] {
    const unmoved = this.unmoved(disk);
    const bytes = unmoved === null ? null : readWhole(this.files, `${unmoved}/${layerFileName}`);
    if (disk.top === null || bytes === null) return this.layers.stack(disk.top);
    return [disk.top, ...this.layers.stack(decodeLayer(disk.top, bytes).parent)];
  }
}
