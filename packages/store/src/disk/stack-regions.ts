/**
 * What the stacks of disks take, put together once and followed from question to question: the layers on which one disk alone stands,
 * and those on which several do. Below a layer of several disks all are, so its id says which these are.
 */
import type { LayerId } from "../ids.js";
import type { Taken } from "../platform/allocated.js";
import { RegionGroup, type Region } from "../platform/region.js";
import type { LayerRegions } from "./layer-regions.js";

/** So many are followed; more are put together anew each time. */
const sharedStacksMax = 16;

export interface StackRegions {
  alone: RegionGroup;
  shared: RegionGroup;
}

export class StacksRegions {
  readonly #layers: LayerRegions;
  /** Of each disk. No layer is in two of them. */
  readonly #alone = new Map<string, RegionGroup>();
  readonly #shared = new Map<LayerId | null, RegionGroup>();
  /** All layers on which any disk stands. */
  readonly #standing = new RegionGroup();
  #disksOn = new Map<LayerId, number>();

  constructor(layers: LayerRegions) {
    this.#layers = layers;
  }

  /** `stacks`: of all disks, topmost layer first; after a look at the layers. */
  follow(stacks: ReadonlyMap<string, LayerId[]>): void {
    this.#disksOn = new Map();
    for (const stack of stacks.values())
      for (const layer of stack) this.#disksOn.set(layer, (this.#disksOn.get(layer) ?? 0) + 1);
    this.#standing.become(this.#layers.of([...this.#disksOn.keys()]));
    for (const id of this.#alone.keys()) if (!stacks.has(id)) this.#alone.delete(id);
    for (const top of this.#shared.keys())
      if (top !== null && !this.#disksOn.has(top)) this.#shared.delete(top);
  }

  of(id: string, stack: readonly LayerId[]): StackRegions {
    const firstShared = stack.findIndex((layer) => (this.#disksOn.get(layer) ?? 0) > 1);
    const ofAlone = firstShared < 0 ? stack : stack.slice(0, firstShared);
    const ofSeveral = firstShared < 0 ? [] : stack.slice(firstShared);
    const alone = this.#alone.get(id) ?? new RegionGroup();
    this.#alone.set(id, alone);
    alone.become(this.#layers.of(ofAlone));
    const top = ofSeveral[0] ?? null;
    const shared = this.#shared.get(top) ?? new RegionGroup();
    if (this.#shared.size < sharedStacksMax) this.#shared.set(top, shared);
    shared.become(this.#layers.of(ofSeveral));
    return { alone, shared };
  }

  /** What the stack and the upper of a disk take together. */
  taken({ alone, shared }: StackRegions, upper: Region): Taken {
    const taken = alone.takenWith(upper);
    taken.bytes += shared.taken.bytes;
    taken.inodes += shared.taken.inodes;
    const twice = new Set<string>();
    const [few, many] = alone.files.size < shared.files.size ? [alone, shared] : [shared, alone];
    for (const key of few.files.keys()) if (many.files.has(key)) twice.add(key);
    for (const key of upper.linked.keys()) if (shared.files.has(key)) twice.add(key);
    for (const key of twice) {
      taken.bytes -= shared.files.get(key)?.allocatedBytes ?? 0;
      taken.inodes -= 1;
    }
    return taken;
  }

  /** Bytes that come back when the upper and all layers go on which no other disk stands: a file goes when all of its links go. */
  freedBytes({ alone }: StackRegions, upper: Region): number {
    let { bytes } = alone.takenWith(upper);
    const all = this.#layers.group;
    const standing = this.#standing.files;
    const isOnlyDisk = alone.regions.size === this.#standing.regions.size;
    // Where no other disk has any layer, a file can stay only by a name that no layer has.
    const stayPerhaps = isOnlyDisk ? all.partial : alone.files.keys();
    for (const key of new Set([...stayPerhaps, ...upper.linked.keys()])) {
      const here = upper.linked.get(key);
      const below = alone.files.get(key);
      const file = here ?? below;
      if (file === undefined) continue;
      const ofAll = all.files.get(key);
      const ofOthers = (standing.get(key)?.names ?? 0) - (below?.names ?? 0);
      const going = (ofAll?.names ?? 0) - ofOthers + (here?.names ?? 0);
      if (going < Math.max(ofAll?.links ?? 0, here?.links ?? 0)) bytes -= file.allocatedBytes;
    }
    return bytes;
  }
}
