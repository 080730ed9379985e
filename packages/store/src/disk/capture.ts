/** Takes the tree of a stack of layers: from the topmost layer whose tree is known, only what lies above is walked. */
import type { LayerId, TreeId } from "../ids.js";
import type { ObjectWriter } from "../pack/chunks.js";
import { withDirectory } from "../platform/durable.js";
import type { Files } from "../platform/files.js";
import type { Owners } from "../snapshot/owners.js";
import { treeDigest } from "../snapshot/record.js";
import { scan, type ScanResult } from "../snapshot/scan.js";
import type { Work } from "../snapshot/work.js";
import { readRoot } from "../tree/directory.js";
import type { Layers } from "./layers.js";

export interface CaptureOptions {
  owners: Owners;
  work: Work;
  /** The trees that are sure to stay while this runs. */
  trees: ReadonlySet<TreeId>;
  /** See `ScanOptions`. Default false. */
  sizesOnly?: boolean;
}

/** Where the topmost layer with a known tree is in a stack; null when there is none. */
export function topmostKnown(
  layers: Layers,
  stack: LayerId[],
  trees: ReadonlySet<TreeId>,
): { at: number; layer: LayerId; tree: TreeId } | null {
  for (const [at, layer] of stack.entries()) {
    const tree = layers.tree(layer);
    if (tree !== null && trees.has(tree)) return { at, layer, tree };
  }
  return null;
}

/** `stack` is topmost first; `upper` is a directory to be read above it, or null. There must be at least one of them. */
export function captureStack(
  files: Files,
  layers: Layers,
  writer: ObjectWriter,
  stack: LayerId[],
  upper: string | null,
  { owners, work, trees, sizesOnly = false }: CaptureOptions,
): ScanResult {
  const known = topmostKnown(layers, stack, trees);
  let result: ScanResult | null = null;
  if (known !== null) {
    const tree = treeDigest(known.tree);
    result = { tree, root: readRoot(writer, tree) };
  }
  const above = stack
    .slice(0, known?.at ?? stack.length)
    .reverse()
    .map((layer) => layers.filesPath(layer));
  for (const path of upper === null ? above : [...above, upper]) {
    const base = result?.root ?? null;
    result = withDirectory(files, path, (directory) =>
      scan(files, writer, directory, { owners, work, overlay: true, base, sizesOnly }),
    );
  }
  if (result === null) throw new RangeError("neither layers nor an upper were given");
  return result;
}
