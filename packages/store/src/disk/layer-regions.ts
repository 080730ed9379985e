/**
 * What layers take, kept up to date by their names: a layer that has its `tree` never changes any more, but for links to its files that
 * mergers of layers make and sweeps take away. So a question costs what layers came and went, and while the directory of all layers did not change, nothing.
 */
import type { LayerId } from "../ids.js";
import { statIfPresent, withDirectory } from "../platform/durable.js";
import { RegionGroup, emptyRegion, type Region } from "../platform/region.js";
import { stampOf } from "../platform/stamp.js";
import { wholeStamp, type AskedRegion, type KeptRegions } from "../snapshot/kept-regions.js";
import { isLayerId } from "./layer-id.js";
import { treeFileBytes, treeFileName } from "./layers.js";
import type { DiskRegistry } from "./registry.js";

/** So many layers are walked again at first when names of files are missing, and twice as many each time after that. */
const walkedAgainMin = 8;

export class LayerRegions {
  readonly #disks: DiskRegistry;
  readonly #kept: KeptRegions;
  /** Of all layers, in the order in which they came to be known. */
  readonly #group = new RegionGroup();
  /** Under each layer; what a layer says of it never changes. */
  readonly #parents = new Map<LayerId, LayerId | null>();
  #others: readonly string[] = [];
  /** Of the directory of all layers, and of what is kept. Null while some layer may change that does not show there. */
  #stamp: string | null = null;

  constructor(disks: DiskRegistry, kept: KeptRegions) {
    this.#disks = disks;
    this.#kept = kept;
  }

  /** By the names of regions. */
  get group(): RegionGroup {
    return this.#group;
  }

  /** From `top` down, without a look at any whose description was read before. Null when one was not there at the last look. */
  stack(top: LayerId | null): LayerId[] | null {
    const stack = new Set<LayerId>();
    for (let id = top; id !== null;) {
      if (stack.has(id) || !this.#group.regions.has(nameOf(id))) return null;
      stack.add(id);
      let parent = this.#parents.get(id);
      if (parent === undefined) {
        const layer = this.#disks.layers.describe(id);
        if (layer === null) return null;
        ({ parent } = layer);
        this.#parents.set(id, parent);
      }
      id = parent;
    }
    return [...stack];
  }

  /** Of some layers; of one that is gone: nothing. */
  of(ids: readonly LayerId[]): Map<string, Region> {
    return new Map(ids.map((id) => [nameOf(id), this.#group.regions.get(nameOf(id)) ?? emptyRegion]));
  }

  /** Allocated bytes of the directory of layers itself, with those of files that do not belong there, and what else is in it. */
  around(): { bytes: number; regions: AskedRegion[] } {
    const { files, layout } = this.#disks;
    const around = {
      bytes: statIfPresent(files, layout.layers)?.allocatedBytes ?? 0,
      regions: [] as AskedRegion[],
    };
    for (const name of this.#others) {
      const path = `${layout.layers}/${name}`;
      const stat = statIfPresent(files, path);
      if (stat?.type === "directory") around.regions.push({ name: path, path, stamp: null });
      else around.bytes += stat?.allocatedBytes ?? 0;
    }
    return around;
  }

  /** Looks which layers came and went, and walks what is new. */
  look(): void {
    const { files, layout } = this.#disks;
    const stampNow = stampOf(files, layout.layers);
    const stamp = stampNow === null ? null : `${stampNow}/${this.#kept.forgotten}`;
    if (stamp !== null && stamp === this.#stamp) return;
    const names = withDirectory(files, layout.layers, (directory) =>
      files.list(directory).map(({ name }) => name.toString("utf8")),
    );
    this.#others = names.filter((name) => !isLayerId(name));
    const asked = names.filter(isLayerId).map((id) => layerRegion(this.#disks, this.#kept, id));
    const present = new Set(asked.map(({ name }) => name));
    for (const name of this.#group.regions.keys()) {
      if (present.has(name)) continue;
      this.#group.drop(name);
      this.#parents.delete(idOf(name));
    }
    const changed = asked.filter((one) => {
      const known = this.#kept.known(one);
      if (known !== null) this.#group.put(one.name, known);
      return known === null;
    });
    // Last, because what is walked now knows best how many links a file has.
    for (const one of changed) this.#group.put(one.name, this.#kept.walk(one));
    this.#stamp = asked.every((one) => one.stamp === wholeStamp) ? stamp : null;
  }

  /**
   * Walks layers again while these and `others` lack names of files that they have in common. A merger makes links to the files of
   * layers that were made not long before, so the latest come first. True when they lack some all the same.
   */
  completeWith(others: readonly Region[]): boolean {
    const latest = [...this.#group.regions.keys()].reverse();
    let at = 0;
    for (let count = walkedAgainMin; this.#group.lacksNames(others); count *= 2) {
      if (at >= latest.length) return true;
      for (const name of latest.slice(at, at + count)) {
        const asked = layerRegion(this.#disks, this.#kept, idOf(name));
        this.#group.put(name, this.#kept.walk(asked));
      }
      at += count;
    }
    return false;
  }
}

const prefix = "layers/";

function nameOf(id: LayerId): string {
  return `${prefix}${id}`;
}

function idOf(name: string): LayerId {
  return name.slice(prefix.length) as LayerId;
}

/** A layer without its `tree` may get it. */
export function layerRegion({ files, layers }: DiskRegistry, kept: KeptRegions, id: LayerId): AskedRegion {
  const name = nameOf(id);
  const path = layers.path(id);
  if (kept.isWhole(name)) return { name, path, stamp: wholeStamp };
  const tree = `${path}/${treeFileName}`;
  const there = statIfPresent(files, tree);
  if (there?.sizeBytes === treeFileBytes && stampOf(files, tree) !== null)
    return { name, path, stamp: wholeStamp };
  const stamp = stampOf(files, path);
  return { name, path, stamp: stamp === null ? null : `${stamp}/${there?.allocatedBytes ?? 0}` };
}
