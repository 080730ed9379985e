/** Checks a tree that comes from elsewhere: that it is whole, and says of itself what is true. */
import { digestKey, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { treeDepthMax } from "../limits.js";
import { ContentChecker, requireObject, type Holdings } from "./content-checker.js";
import { readNode, readRoot, type DirectoryNode } from "./directory.js";
import { sameSums, type DirectoryTreeEntry, type TreeSums } from "./entry.js";

/** A directory that is being followed. */
interface Level {
  id: Digest;
  node: DirectoryNode;
  next: number;
  /** Levels of directories below it, as far as they were followed. */
  height: number;
}

/**
 * Follows every object of a tree. Code `chunk_missing` when one is not there, `corrupt` when something does not agree with what
 * names it. One checker serves many trees that share objects.
 */
export class ClosureChecker {
  readonly #holdings: Holdings;
  readonly #onStep: () => void;
  readonly #contents: ContentChecker;
  /** Directories that were found whole. How deep they lie is another thing each time. */
  readonly #directories = new Map<string, { sums: TreeSums; height: number }>();

  constructor(holdings: Holdings, onStep: () => void) {
    this.#holdings = holdings;
    this.#onStep = onStep;
    this.#contents = new ContentChecker(holdings, onStep);
  }

  /** Returns the sums of the root directory. */
  check(tree: Digest): TreeSums {
    requireObject(this.#holdings, tree);
    const root = readRoot(this.#holdings, tree);
    const levels: Level[] = [];
    this.#enter(levels, root);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const entry = level.node.entries[level.next++];
      if (entry?.type === "directory") this.#enter(levels, entry);
      else if (entry?.type === "file" && entry.content !== null)
        this.#contents.check(entry.content, entry.sizeBytes);
      if (entry !== undefined) continue;
      const { id, node, height } = level;
      this.#directories.set(digestKey(id), { sums: node.sums, height });
      levels.pop();
      raise(levels.at(-1), height);
    }
    return root.sums;
  }

  #enter(levels: Level[], { id, sums }: Pick<DirectoryTreeEntry, "id" | "sums">): void {
    this.#onStep();
    const known = this.#directories.get(digestKey(id));
    if (levels.length + (known?.height ?? 0) >= treeDepthMax) {
      throw new StoreError("corrupt", `directories are nested deeper than ${treeDepthMax}`);
    }
    const node = known === undefined ? readNode(this.#holdings, id) : null;
    if (!sameSums(known?.sums ?? (node as DirectoryNode).sums, sums)) {
      throw new StoreError("corrupt", `directory ${id.toString("hex")} has other sums than its entry says`);
    }
    if (node === null) raise(levels.at(-1), known?.height ?? 0);
    else levels.push({ id, node, next: 0, height: 0 });
  }
}

function raise(parent: Level | undefined, height: number): void {
  if (parent !== undefined) parent.height = Math.max(parent.height, height + 1);
}
