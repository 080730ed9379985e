/**
 * What a store takes of its device where files share extents: each byte counts once. A walk that asks the filesystem after every
 * file, because nothing tells when one file begins to share with another.
 */
import type { PhysicalUsage } from "../api.js";
import type { DiskSet } from "../disk/disks.js";
import { goneOrShut } from "../platform/allocated.js";
import { openIfPresent } from "../platform/durable.js";
import { DeviceRanges } from "../platform/device-ranges.js";
import { isErrno, type Fd, type Files, type Stat } from "../platform/files.js";
import { walkBelow } from "../platform/walk.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";

/** Null where the filesystem does not tell where files lie. */
export function physicalUsage(repository: Repository, disks: DiskSet, work: Work): PhysicalUsage | null {
  const { files, layout } = repository;
  const regions = disks.regions();
  const ownerOf = new Map(regions.map(({ path }, n) => [path, n + 1]));
  const walk = new PhysicalWalk(files, ownerOf, work);
  const root = openIfPresent(files, layout.root, { directory: true });
  if (root === null) return null;
  try {
    walk.take(files.statOpen(root), 0);
    walk.below(root, layout.root);
  } finally {
    files.close(root);
  }
  if (!walk.isTold) return null;
  const { totalBytes, owned } = walk.ranges.count(regions.length + 1);
  const sum = (bytes: Map<number, number>): number => [...bytes.values()].reduce((all, one) => all + one, 0);
  return {
    totalBytes: totalBytes + sum(walk.besidesBytes),
    allocatedBytes: walk.allocatedBytes,
    disks: regions.map(({ name }, n) => {
      const besides = walk.besidesBytes.get(n + 1) ?? 0;
      const { exclusiveBytes, referencedBytes } = owned[n + 1] ?? { exclusiveBytes: 0, referencedBytes: 0 };
      return {
        id: name.slice("disks/".length),
        exclusiveBytes: exclusiveBytes + besides,
        referencedBytes: referencedBytes + besides,
      };
    }),
  };
}

class PhysicalWalk {
  readonly ranges = new DeviceRanges();
  /** What inodes take that lies in no extent: directories, content inside of metadata. */
  readonly besidesBytes = new Map<number, number>();
  allocatedBytes = 0;
  isTold = false;
  readonly #files: Files;
  readonly #ownerOf: ReadonlyMap<string, number>;
  readonly #work: Work;
  readonly #seen = new Set<string>();

  constructor(files: Files, ownerOf: ReadonlyMap<string, number>, work: Work) {
    this.#files = files;
    this.#ownerOf = ownerOf;
    this.#work = work;
  }

  /** Counts an inode, less what of it lies in extents. */
  take({ allocatedBytes }: Stat, owner: number, inExtentsBytes = 0): void {
    this.allocatedBytes += allocatedBytes;
    const besides = Math.max(0, allocatedBytes - inExtentsBytes);
    this.besidesBytes.set(owner, (this.besidesBytes.get(owner) ?? 0) + besides);
  }

  below(directory: Fd, path: string): void {
    // By depth. In what has an owner nothing has another, so the path is needed no more.
    const places: { path: string; owner: number }[] = [{ path, owner: 0 }];
    walkBelow(this.#files, directory, {
      enter: (parent, { name }, depth) => {
        this.#work.step();
        const above = places[depth] as { path: string; owner: number };
        const at = above.owner === 0 ? `${above.path}/${name.toString("latin1")}` : "";
        const owner = above.owner === 0 ? (this.#ownerOf.get(at) ?? 0) : above.owner;
        const stat = this.#files.stat(parent, name);
        if (stat.type !== "directory") {
          if (!this.#wasSeen(stat)) this.take(stat, owner, this.#extents(parent, name, stat, owner));
          return null;
        }
        this.take(stat, owner);
        places[depth + 1] = { path: at, owner };
        return this.#files.open(parent, name, { directory: true });
      },
      passOver: goneOrShut,
    });
  }

  #wasSeen({ links, device, inode }: Stat): boolean {
    if (links === 1) return false;
    const key = `${device}:${inode}`;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    return false;
  }

  /** Adds where a file's content lies, and returns how many bytes that are. */
  #extents(directory: Fd, name: Uint8Array, stat: Stat, owner: number): number {
    if (stat.type !== "file" || stat.allocatedBytes === 0) return 0;
    let fd: Fd;
    try {
      fd = this.#files.open(directory, name);
    } catch (error) {
      // What may not be read counts as it says of itself.
      if (isErrno(error, "EACCES", "EPERM", "ELOOP")) return 0;
      throw error;
    }
    try {
      const extents = this.#files.extents(fd);
      if (extents === null) return 0;
      this.isTold = true;
      for (const extent of extents) this.ranges.add(owner, extent);
      return extents.reduce((total, { lengthBytes }) => total + lengthBytes, 0);
    } finally {
      this.#files.close(fd);
    }
  }
}
