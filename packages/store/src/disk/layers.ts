/**
 * Immutable layers: `layers/<id>/` with `layer.json`, `files`, and, once a snapshot has captured the stack up to it, `tree`
 * with that tree's id. A layer is a cache of a tree: its tree counts as known only while some snapshot has that tree, so a
 * layer never keeps objects alive.
 */
import type { LayerId, TreeId } from "../ids.js";
import { isContentId } from "../ids.js";
import { StoreError } from "../errors.js";
import type { Layout } from "../layout.js";
import { ensureDirectory, namesIn, openIfPresent, readWhole } from "../platform/durable.js";
import { anywhere, isErrno, type Fd, type Files } from "../platform/files.js";
import { stampOf } from "../platform/stamp.js";
import { filesName } from "./generation.js";
import { decodeLayer, type LayerDescription } from "./layer-file.js";
import { isLayerId } from "./layer-id.js";

export const layerFileName = "layer.json";
export const treeFileName = "tree";

/** Bytes of that file. */
export const treeFileBytes = 65;

export function encodeTree(tree: TreeId): Buffer {
  return Buffer.from(`${tree}\n`);
}

/** In the place of a tree that is not to be relied on any more. */
const noTree = Buffer.from(`${"-".repeat(treeFileBytes - 1)}\n`);

/** Stands at the bottom of a mount that has no layer yet, because overlayfs wants at least one. */
const emptyName = "empty";

/** Descriptions that a process keeps, so that asking for a stack costs one stat a layer. */
const describedMax = 10_000;

export class Layers {
  readonly #files: Files;
  readonly #layout: Layout;
  /** What layers said, and the stamps of the files that said it. */
  readonly #described = new Map<LayerId, { stamp: string; description: LayerDescription }>();

  constructor(files: Files, layout: Layout) {
    this.#files = files;
    this.#layout = layout;
  }

  path(id: LayerId): string {
    return `${this.#layout.layers}/${id}`;
  }

  filesPath(id: LayerId): string {
    return `${this.path(id)}/${filesName}`;
  }

  ids(): LayerId[] {
    return namesIn(this.#files, this.#layout.layers).filter(isLayerId);
  }

  /** Null when there is no such layer. */
  describe(id: LayerId): LayerDescription | null {
    const path = `${this.path(id)}/${layerFileName}`;
    const stamp = stampOf(this.#files, path);
    const known = this.#described.get(id);
    if (known !== undefined && known.stamp === stamp) return known.description;
    const bytes = readWhole(this.#files, path);
    if (bytes === null) return null;
    const description = decodeLayer(id, bytes);
    if (this.#described.size >= describedMax) this.#described.clear();
    if (stamp !== null) this.#described.set(id, { stamp, description });
    return description;
  }

  /** The layers from `top` down. Code `corrupt` when one is missing or the chain is a ring. */
  stack(top: LayerId | null): LayerId[] {
    const stack: LayerId[] = [];
    const met = new Set<LayerId>();
    for (let id = top; id !== null;) {
      const layer = this.describe(id);
      if (layer === null || met.has(id)) {
        throw new StoreError("corrupt", `layer ${id} is ${layer === null ? "missing" : "below itself"}`, {
          data: { layer: id },
        });
      }
      met.add(id);
      stack.push(id);
      id = layer.parent;
    }
    return stack;
  }

  /** What the layer says its stack's tree is; whether a snapshot still has that tree is for the caller to ask. */
  tree(id: LayerId): TreeId | null {
    const text = readWhole(this.#files, `${this.path(id)}/${treeFileName}`)?.toString("latin1") ?? "";
    const tree = text.slice(0, 64);
    return isContentId(tree) && text === `${tree}\n` ? (tree as TreeId) : null;
  }

  /**
   * To be called only when the layer and the tree are durable and agree in everything. What a crash tore is the
   * tree of no snapshot, and then the layer is walked again.
   */
  setTree(id: LayerId, tree: TreeId): void {
    const path = `${this.path(id)}/${treeFileName}`;
    const fd =
      openIfPresent(this.#files, path, { access: "readwrite" }) ??
      this.#files.open(anywhere, path, { access: "create" });
    this.#overwriteTree(fd, encodeTree(tree));
  }

  /** The next snapshot of a disk that stands on the layer walks it. */
  forgetTree(id: LayerId): void {
    const path = `${this.path(id)}/${treeFileName}`;
    const fd = openIfPresent(this.#files, path, { access: "readwrite" });
    if (fd !== null) this.#overwriteTree(fd, noTree);
  }

  /** In place, and down to the disk, because what a layer takes never changes once this file is there and whole. Closes it. */
  #overwriteTree(fd: Fd, content: Buffer): void {
    try {
      this.#files.write(fd, content, 0);
      this.#files.sync(fd);
    } finally {
      this.#files.close(fd);
    }
  }

  /** A layer whose stack is the tree: in the given stack if possible, else anywhere. Null when there is none. */
  find(tree: TreeId, stack: LayerId[]): LayerId | null {
    for (const id of stack) if (this.tree(id) === tree) return id;
    for (const id of this.ids()) if (this.tree(id) === tree && this.isWhole(id)) return id;
    return null;
  }

  /** True when the layer and all below it are there. */
  isWhole(id: LayerId): boolean {
    try {
      this.stack(id);
      return true;
    } catch (error) {
      if (error instanceof StoreError && error.code === "corrupt") return false;
      throw error;
    }
  }

  /** What a mount names as its lower directories, topmost first, relative to the directory of layers. */
  lower(stack: LayerId[]): string[] {
    if (stack.length > 0) return stack.map((id) => `${id}/${filesName}`);
    const empty = `${this.#layout.layers}/${emptyName}`;
    ensureDirectory(this.#files, empty);
    ensureDirectory(this.#files, `${empty}/${filesName}`, 0o755);
    return [`${emptyName}/${filesName}`];
  }

  /** False when it would show something. */
  isEmptyLayerEmpty(): boolean {
    const path = `${this.#layout.layers}/${emptyName}/${filesName}`;
    const fd = openIfPresent(this.#files, path, { directory: true });
    if (fd === null) return true;
    try {
      return this.#files.list(fd).length === 0;
    } finally {
      this.#files.close(fd);
    }
  }

  exists(id: LayerId): boolean {
    try {
      return this.#files.stat(anywhere, this.path(id)).type === "directory";
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
  }
}
