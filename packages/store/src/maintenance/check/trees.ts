/** Walks the trees of snapshots and tells which paths are not whole. What was found whole is not walked again. */
import type { PresentObjects } from "./present.js";
import { digestKey, type Digest } from "../../chunk/hash.js";
import { treeDepthMax } from "../../limits.js";
import type { ObjectSource } from "../../pack/chunks.js";
import type { Work } from "../../snapshot/work.js";
import { joinPath } from "../../snapshot/work.js";
import { ContentChecker, requireObject, type Holdings } from "../../tree/content-checker.js";
import { readNode, readRoot } from "../../tree/directory.js";
import { sameSums, type TreeEntry, type TreeSums } from "../../tree/entry.js";
import { isDamage } from "./findings.js";

export interface Damage {
  path: Buffer;
  reason: string;
}

/** A directory being walked. */
interface Level {
  id: Digest;
  path: Buffer;
  entries: TreeEntry[];
  sums: TreeSums;
  next: number;
  /** How much damage was known before it. */
  damagesBefore: number;
  /** Levels of directories below it, as far as it was walked. */
  height: number;
}

export class TreeCheck {
  readonly #holdings: Holdings;
  readonly #work: Work;
  readonly #contents: ContentChecker;
  /** Directories that were found whole with all below. How deep they lie is another thing each time. */
  readonly #sound = new Map<string, { sums: TreeSums; height: number }>();

  /** `present`: bytes of every object that can be read. */
  constructor(objects: ObjectSource, present: PresentObjects, work: Work) {
    this.#holdings = {
      get: (id) => objects.get(id),
      lengthOf: (id) => present.get(id),
    };
    this.#work = work;
    this.#contents = new ContentChecker(this.#holdings, () => work.step());
  }

  /** What is damaged. `stated`: the sums that the snapshot's record gives. */
  check(tree: Digest, stated: TreeSums): Damage[] {
    const damages: Damage[] = [];
    const top = Buffer.alloc(0);
    guard(damages, top, () => {
      requireObject(this.#holdings, tree);
      const root = readRoot(this.#holdings, tree);
      if (!sameSums(root.sums, stated)) {
        damages.push({ path: top, reason: "record has other sums than its tree" });
      }
      this.#walk(root.id, root.sums, damages);
    });
    return damages;
  }

  /** Depth first, with a stack of its own: how deep a tree is must not depend on the thread's stack. */
  #walk(id: Digest, stated: TreeSums, damages: Damage[]): void {
    const levels: Level[] = [];
    const enter = (child: Digest, path: Buffer, sums: TreeSums): void => {
      guard(damages, path, () => {
        const level = this.#level(child, path, sums, damages, levels);
        if (level !== null) levels.push(level);
      });
    };
    enter(id, Buffer.alloc(0), stated);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      this.#work.step();
      const entry = level.entries[level.next++];
      if (entry === undefined) {
        levels.pop();
        const { sums, height, damagesBefore } = level;
        if (damages.length === damagesBefore) this.#sound.set(digestKey(level.id), { sums, height });
        raise(levels.at(-1), height);
        continue;
      }
      const path = joinPath(level.path, entry.name);
      if (entry.type === "directory") enter(entry.id, path, entry.sums);
      else if (entry.type === "file" && entry.content !== null) {
        const { content, sizeBytes } = entry;
        guard(damages, path, () => this.#contents.check(content, sizeBytes));
      }
    }
  }

  /** Null when it is known to be whole. */
  #level(id: Digest, path: Buffer, stated: TreeSums, damages: Damage[], above: Level[]): Level | null {
    const damagesBefore = damages.length;
    const known = this.#sound.get(digestKey(id));
    const isTooDeep = above.length + (known?.height ?? 0) >= treeDepthMax;
    if (isTooDeep) damages.push({ path, reason: `nested deeper than ${treeDepthMax}` });
    const node = known === undefined ? readNode(this.#holdings, id) : null;
    const sums = known?.sums ?? node?.sums;
    if (sums !== undefined && !sameSums(sums, stated)) {
      damages.push({ path, reason: "directory has other sums than its entry says" });
    }
    if (known !== undefined) raise(above.at(-1), known.height);
    if (node === null || isTooDeep) return null;
    return { id, path, ...node, next: 0, damagesBefore, height: 0 };
  }
}

function raise(parent: Level | undefined, height: number): void {
  if (parent !== undefined) parent.height = Math.max(parent.height, height + 1);
}

function guard(damages: Damage[], path: Buffer, run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!isDamage(error)) throw error;
    damages.push({ path, reason: error.message });
  }
}
