/**
 * Nothing may build on a tree that is not whole: the next snapshot would take over what is missing without a look at the
 * files. What remembers such trees is forgotten; layers that show one first give back what they have of it.
 */
import type { TreeId } from "../../ids.js";
import { StoreError } from "../../errors.js";
import { captureStack } from "../../disk/capture.js";
import type { DiskRegistry } from "../../disk/registry.js";
import { withDirectory } from "../../platform/durable.js";
import { isErrno } from "../../platform/files.js";
import { owners } from "../../snapshot/owners.js";
import { removeTree } from "../../snapshot/remove.js";
import type { Repository } from "../../snapshot/repository.js";
import type { Work } from "../../snapshot/work.js";

/** What the walks of plain directories remember. */
export function forgetWalks({ files, layout }: Repository): void {
  withDirectory(files, layout.root, (root) => {
    removeTree(files, root, layout.cache.slice(layout.root.length + 1));
  });
}

/** Stores the files of layers again that show one of the trees. True when something was missing. */
export function storeLayersAgain(
  repository: Repository,
  disks: DiskRegistry,
  trees: ReadonlySet<TreeId>,
  work: Work,
): boolean {
  const { files, chunks } = repository;
  let stored = false;
  for (const layer of layersOf(disks, trees)) {
    const writer = chunks.writer();
    try {
      const options = { owners: owners(), work, trees: new Set<TreeId>() };
      captureStack(files, disks.layers, writer, disks.layers.stack(layer), null, options);
      writer.commit();
      if (writer.storedBytes > 0) stored = true;
    } catch (error) {
      // A layer may go meanwhile, or belong to somebody whose files this process may not read.
      if (!(error instanceof StoreError) || error.code === "aborted") throw error;
    } finally {
      writer.abort();
    }
  }
  return stored;
}

/** Makes layers forget which tree they show. */
export function forgetLayerTrees(disks: DiskRegistry, trees: ReadonlySet<TreeId>): void {
  for (const layer of layersOf(disks, trees)) {
    try {
      disks.layers.forgetTree(layer);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
}

function layersOf(
  disks: DiskRegistry,
  trees: ReadonlySet<TreeId>,
): ReturnType<DiskRegistry["layers"]["ids"]> {
  return disks.layers.ids().filter((layer) => {
    const tree = disks.layers.tree(layer);
    return tree !== null && trees.has(tree);
  });
}
