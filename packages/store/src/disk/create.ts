/** New disks are built whole in a directory of their own and come under their id by one rename, so they are there or not. */
import type { DiskDriver, InitialDirectory } from "../api.js";
import type { LayerId } from "../ids.js";
import { StoreError } from "../errors.js";
import { syncDirectory, temporaryName, withDirectory } from "../platform/durable.js";
import { anywhere, isErrno, type Fd, type Files } from "../platform/files.js";
import { Lock } from "../platform/lock.js";
import type { Repository } from "../snapshot/repository.js";
import { removeTree } from "../snapshot/remove.js";
import { checkDiskId, encodeDescription, firstGeneration } from "./description.js";
import { filesName, syncGeneration } from "./generation.js";
import { forgetDeleted } from "./deletion.js";
import { descriptionName, lockName, type DiskRegistry } from "./registry.js";
import { writePlainly } from "./write-plainly.js";

/** A disk that is being built. Its lock is held, which tells it from what a crash left. */
export interface StagedDisk {
  id: string;
  path: string;
  /** Its first generation; the builder makes it. */
  generation: string;
  /** The files of that generation. */
  files: string;
  lock: Lock;
}

function refuseTaken(disks: DiskRegistry, id: string): void {
  if (!disks.exists(id)) return;
  throw new StoreError("disk_exists", `there already is a disk ${JSON.stringify(id)}`, {
    data: { disk: id },
  });
}

/** Code `disk_exists`. Runs `build`, which must call `publish`; whatever happens, no half-built disk stays. */
export function buildDisk<Result>(
  disks: DiskRegistry,
  id: string,
  build: (staged: StagedDisk) => Result,
): Result {
  checkDiskId(id);
  const { files, layout } = disks;
  const name = temporaryName();
  const path = `${layout.disks}/${name}`;
  // Under the lock, so that no sweep takes the directory for one whose builder died.
  const lock = disks.guarded("exclusive", () => {
    refuseTaken(disks, id);
    files.makeDirectory(anywhere, path, 0o700);
    return Lock.take(files, `${path}/${lockName}`, "exclusive", { wait: false });
  });
  if (lock === null) throw new StoreError("io_error", `new directory ${path} is locked`);
  const generation = `${path}/${firstGeneration()}`;
  try {
    return build({ id, path, generation, files: `${generation}/${filesName}`, lock });
  } finally {
    try {
      // After a rename there is nothing under this name.
      withDirectory(files, layout.disks, (directory) => removeTree(files, directory, name));
    } finally {
      lock.release();
    }
  }
}

/** Says in a disk that is being built what it is. Not durable. */
export function describe(
  disks: DiskRegistry,
  staged: StagedDisk,
  { driver, top }: { driver: DiskDriver; top: LayerId | null },
): void {
  const description = {
    id: staged.id,
    driver,
    createdAtMs: Date.now(),
    top,
    upper: firstGeneration(),
    freezing: null,
  };
  withDirectory(disks.files, staged.path, (directory) =>
    writePlainly(disks.files, directory, descriptionName, encodeDescription(description)),
  );
}

/** Makes durable what every disk has. After everything is written, because then the filesystem has to commit only once. */
export function syncStaged(disks: DiskRegistry, staged: StagedDisk): void {
  const { files } = disks;
  const description = files.open(anywhere, `${staged.path}/${descriptionName}`);
  try {
    files.sync(description);
  } finally {
    files.close(description);
  }
  syncGeneration(files, staged.generation);
  syncDirectory(files, staged.path);
}

/** Makes a built disk one of the store; under the exclusive lock of all disks. Everything in it must be durable. */
export function publish(disks: DiskRegistry, repository: Repository, staged: StagedDisk): void {
  const { files, layout } = disks;
  refuseTaken(disks, staged.id);
  forgetDeleted(disks, repository, staged.id);
  // Whoever made the store may have died before the name of `format.json` was durable; a disk shows that nobody has.
  if (disks.ids().length === 0) syncDirectory(files, layout.root);
  files.rename(anywhere, staged.path, anywhere, disks.path(staged.id));
  syncDirectory(files, layout.disks);
}

const missingParentMode = 0o755;

/** Makes the directories a disk starts with, durably and with exactly their modes. Code `invalid_argument`. */
export function makeInitialDirectories(files: Files, root: string, directories: InitialDirectory[]): void {
  const modes = new Map<string, number>();
  for (const { path, mode } of directories) {
    const names = path.split("/");
    const allowed = names.every(
      (name) => name !== "" && name !== "." && name !== ".." && !name.includes("\0"),
    );
    if (!allowed || !Number.isInteger(mode) || mode < 0 || mode > 0o7777) {
      throw new StoreError(
        "invalid_argument",
        `initial directory ${JSON.stringify(path)} with mode ${mode} is not allowed`,
        { data: { field: "directories" } },
      );
    }
    for (let n = 1; n < names.length; n++) {
      const parent = names.slice(0, n).join("/");
      if (!modes.has(parent)) modes.set(parent, missingParentMode);
    }
    modes.set(path, mode);
  }
  const shallowFirst = [...modes].sort(([a], [b]) => a.split("/").length - b.split("/").length);
  for (const [path] of shallowFirst) {
    try {
      files.makeDirectory(anywhere, `${root}/${path}`, 0o700);
    } catch (error) {
      if (isErrno(error, "ENAMETOOLONG")) {
        throw new StoreError("invalid_argument", `initial directory ${JSON.stringify(path)} is too long`, {
          cause: error,
        });
      }
      throw error;
    }
  }
  // Deepest first, because a mode may keep its owner out. An open directory can be synced whatever its mode.
  const opened: Fd[] = [];
  try {
    for (const [path, mode] of shallowFirst.reverse()) {
      const directory = files.open(anywhere, `${root}/${path}`, { directory: true });
      opened.push(directory);
      files.setMode(directory, ".", mode);
    }
    for (const directory of opened) files.sync(directory);
  } finally {
    for (const directory of opened) files.close(directory);
  }
}
