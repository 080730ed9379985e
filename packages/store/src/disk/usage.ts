/**
 * What a disk takes on the filesystem. Every inode counts once. Layers that a merge made share files with the layers they
 * were made of, so what a layer's end would free is found by links: a file goes when all of its links go.
 */
import type { DiskUsage } from "../api.js";
import type { LayerId } from "../ids.js";
import { allocatedUnder } from "../platform/allocated.js";
import type { DiskRegistry } from "./registry.js";
import { unneededLayers } from "./sweep.js";

/** The upper is counted with the directory of the disk around it: that is what deleting it would free. */
export function diskUsage(disks: DiskRegistry, id: string): DiskUsage {
  const stack = disks.stack(disks.read(id));
  const others = new Set<LayerId>();
  for (const other of disks.ids()) {
    if (other !== id) for (const layer of disks.stack(disks.read(other))) others.add(layer);
  }
  const own = new Freeing(disks);
  const upperBytes = own.add(disks.path(id));
  for (const layer of stack) if (!others.has(layer)) own.add(disks.layers.path(layer));
  // A sweep follows every deletion.
  const exclusiveBytes = own.freedBytes(() => unneededLayers(disks) ?? []);
  let referencedBytes = own.bytes;
  for (const layer of stack) {
    if (others.has(layer)) {
      referencedBytes += allocatedUnder(disks.files, disks.layers.path(layer), own.seen);
    }
  }
  return { upperBytes, exclusiveBytes, referencedBytes };
}

/** What removing the layers would free. */
export function layersBytes(disks: DiskRegistry, layers: LayerId[]): number {
  const gone = new Freeing(disks);
  for (const layer of layers) gone.add(disks.layers.path(layer));
  return gone.freedBytes(() => []);
}

/** Counts what would be freed if some directories went. */
class Freeing {
  /** Allocated in these directories. */
  bytes = 0;
  readonly seen = new Set<string>();
  readonly #disks: DiskRegistry;
  readonly #linked = new Map<string, { allocatedBytes: number; elsewhere: number }>();

  constructor(disks: DiskRegistry) {
    this.#disks = disks;
  }

  /** Returns what the directory adds to `bytes`. */
  add(path: string): number {
    const added = allocatedUnder(this.#disks.files, path, this.seen, (key, { allocatedBytes, links }) => {
      const file = this.#linked.get(key) ?? { allocatedBytes, elsewhere: links };
      file.elsewhere -= 1;
      this.#linked.set(key, file);
    });
    this.bytes += added;
    return added;
  }

  /** `alsoGone`: layers whose links do not count, asked for only when there are links elsewhere. */
  freedBytes(alsoGone: () => LayerId[]): number {
    const { files, layers } = this.#disks;
    if (this.#remaining() > 0) {
      for (const layer of alsoGone()) {
        allocatedUnder(files, layers.path(layer), new Set(), (key) => {
          const file = this.#linked.get(key);
          if (file !== undefined) file.elsewhere -= 1;
        });
      }
    }
    return this.bytes - this.#remaining();
  }

  #remaining(): number {
    let bytes = 0;
    for (const { allocatedBytes, elsewhere } of this.#linked.values()) {
      if (elsewhere > 0) bytes += allocatedBytes;
    }
    return bytes;
  }
}
