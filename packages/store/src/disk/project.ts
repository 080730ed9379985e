/**
 * The project of an attached disk, by which the kernel holds what is written to a cap. An upper is given one while it holds nothing
 * but directories, so no file is walked, and everything made in it later has it. When the upper becomes a layer its files keep it,
 * and so the id stays taken until they are gone: renames and links are refused only into a project, never out of one.
 */
import { randomInt } from "node:crypto";
import type { DiskMount } from "../api.js";
import type { Taken } from "../platform/allocated.js";
import { withDirectory } from "../platform/durable.js";
import { anywhere, type Fd } from "../platform/files.js";
import { linuxFiles as files } from "../platform/linux.js";
import { holdsProjects, limitProject, projectOf, projectUse, setProject } from "../platform/project-quota.js";

/** Where other programs hardly count to. XFS never gives back the record of an id (4 KiB for 30 neighbours), so they are not many. */
const idMin = 0x43480000;
const idCount = 65_536;
/** With so many taken that none is free at so many places, the upper does without. */
const attemptsMax = 8;
/** More than any disk starts with. */
const directoriesMax = 64;

const isOurs = (id: number): boolean => id >= idMin && id < idMin + idCount;

/** Whether this process can have the kernel hold disks below a directory to caps. */
export function canHoldDisks(path: string): boolean {
  return withDirectory(files, path, isPossibleAt);
}

/** For who just attached a disk, before anything is written to it. Null where the kernel does not hold it to caps. */
export function provideProject(mount: DiskMount): DiskProject | null {
  const path = mount.driver === "overlay" ? mount.upper : mount.path;
  return withDirectory(files, path, (upper) => {
    if (!holdsProjects(upper)) return null;
    const present = projectOf(upper);
    if (isOurs(present)) {
      // That of one who could not lift it any more is not for who attaches the disk now.
      return limitProject(upper, present, null) ? new DiskProject(path, present) : null;
    }
    if (!isPossibleAt(upper)) return null;
    const id = withDirectoriesOf(mount, (directories) => takeProject(upper, directories));
    return id === null ? null : new DiskProject(path, id);
  });
}

export class DiskProject {
  readonly #path: string;
  readonly #id: number;

  constructor(path: string, id: number) {
    this.#path = path;
    this.#id = id;
  }

  /** Infinity for none; null lifts all limits. False where they cannot be set. */
  limit(most: Taken | null): boolean {
    return withDirectory(files, this.#path, (upper) => limitProject(upper, this.#id, most));
  }

  /** By the upper, and by what overlayfs keeps beside it. Null where the kernel does not tell. */
  taken(): Taken | null {
    return withDirectory(files, this.#path, (upper) => projectUse(upper, this.#id));
  }
}

/** Where somebody put the store into a project of theirs, what is made in it stays there. */
function isPossibleAt(directory: Fd): boolean {
  return holdsProjects(directory) && projectOf(directory) === 0 && projectUse(directory, idMin) !== null;
}

/**
 * Null where no id was free. Whoever takes the same at the same time is seen afterwards, by at least one of the two. The upper comes last, so
 * that whatever stops this halfway, one that is in a project stands beside what is in it too: nothing could be renamed into it else.
 */
function takeProject(upper: Fd, directories: Fd[]): number | null {
  for (let n = 0; n < attemptsMax; n++) {
    const id = idMin + randomInt(idCount);
    if (projectUse(upper, id)?.inodes !== 0 || !limitProject(upper, id, null)) continue;
    const isTaken =
      directories.every((directory) => setProject(directory, id)) &&
      projectUse(upper, id)?.inodes === directories.length;
    if (isTaken) return id;
    for (const directory of directories.toReversed()) setProject(directory, 0);
  }
  return null;
}

/** All that processes will write below, the upper last. Null where there is more than directories. */
function withDirectoriesOf(mount: DiskMount, run: (directories: Fd[]) => number | null): number | null {
  const opened: Fd[] = [];
  try {
    const paths = mount.driver === "overlay" ? [mount.upper, mount.work] : [mount.path];
    return paths.every((path) => openAll(anywhere, path, opened)) ? run(opened.toReversed()) : null;
  } finally {
    for (const fd of opened) files.close(fd);
  }
}

/** False where there is more than directories. */
function openAll(parent: Fd, name: string | Uint8Array, opened: Fd[]): boolean {
  if (opened.length === directoriesMax) return false;
  const directory = files.open(parent, name, { directory: true });
  opened.push(directory);
  return files
    .list(directory)
    .every((entry) => entry.type === "directory" && openAll(directory, entry.name, opened));
}
