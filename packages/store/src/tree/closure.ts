/** Checks a tree that comes from elsewhere: that it is whole, and says of itself what is true. */
import { digestKey, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { treeDepthMax } from "../limits.js";
import { ContentChecker, requireObject, type Holdings } from "./content-checker.js";
import { readNode, readRoot, type DirectoryNode } from "./directory.js";
import { sameSums, type TreeSums } from "./entry.js";

/**
 * Follows every object of a tree. Code `chunk_missing` when one is not there, `corrupt` when something does not agree with what
 * names it. One checker serves many trees that share objects.
 */
export class ClosureChecker {
  readonly #holdings: Holdings;
  readonly #onStep: () => void;
  readonly #contents: ContentChecker;
  /** The sums of directories that were found whole. */
  readonly #directories = new Map<string, TreeSums>();

  constructor(holdings: Holdings, onStep: () => void) {
    this.#holdings = holdings;
    this.#onStep = onStep;
    this.#contents = new ContentChecker(holdings, onStep);
  }

  /** Returns the sums of the root directory. */
  check(tree: Digest): TreeSums {
    requireObject(this.#holdings, tree);
    const root = readRoot(this.#holdings, tree);
    const waiting = [{ id: root.id, sums: root.sums, depth: 1 }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      this.#onStep();
      const { id, sums, depth } = next;
      const known = this.#directories.get(digestKey(id));
      const node = known === undefined ? readNode(this.#holdings, id) : null;
      if (!sameSums(known ?? (node as DirectoryNode).sums, sums)) {
        throw new StoreError("corrupt", `directory ${id.toString("hex")} has other sums than its entry says`);
      }
      if (node === null) continue;
      if (depth > treeDepthMax) {
        throw new StoreError("corrupt", `directories are nested deeper than ${treeDepthMax}`);
      }
      this.#directories.set(digestKey(id), sums);
      for (const entry of node.entries) {
        if (entry.type === "directory") waiting.push({ id: entry.id, sums: entry.sums, depth: depth + 1 });
        if (entry.type === "file" && entry.content !== null)
          this.#contents.check(entry.content, entry.sizeBytes);
      }
    }
    return root.sums;
  }
}
