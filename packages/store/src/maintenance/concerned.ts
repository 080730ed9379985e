/**
 * Whose exclusive objects change when a tree comes or goes. What the tree alone names is its own; where it meets what others need, each
 * such object may be that of one other tree, which loses or gains it, or of several, to whom nothing happens. Trees that were taken one after
 * the other have the most in common, so those nearest are asked first, until for each object it is known whose it is.
 */
import { digestKey, type Digest } from "../chunk/hash.js";
import type { TreeId } from "../ids.js";
import type { ObjectSource } from "../pack/chunks.js";
import { follow, type References } from "./references.js";

/** So many trees and objects are looked into; to count the exclusive objects of all trees anew is not much more. */
const treesMax = 24;
const objectsMax = 20_000;

/**
 * Those of `others`, which are all trees whose references are counted, the nearest to `tree` first. `tree` must be counted, too. Null when that cannot be told
 * at a bounded cost.
 */
export function treesConcerned(
  references: References,
  source: ObjectSource,
  { tree, others }: { tree: TreeId; others: Iterable<TreeId> },
  onStep: () => void,
): Set<TreeId> | null {
  const concerned = new Set<TreeId>();
  const shared = references.without(source, [tree], onStep).shared.map(digestKey);
  const boundary = new Set(shared);
  /** Of each object whose owners are not known yet, a tree that has it. */
  const open = new Map<string, TreeId | null>(shared.map((key) => [key, null]));
  let trees = 0;
  let objects = 0;
  for (const other of others) {
    if (open.size === 0) return concerned;
    if (other === tree) continue;
    if (++trees > treesMax || objects > objectsMax) return null;
    for (const id of references.without(source, [tree, other], onStep).freed)
      if (open.delete(digestKey(id))) concerned.add(other);
    const met = new Set<string>();
    const visit = (id: Digest): boolean => {
      const key = digestKey(id);
      if (met.has(key)) return false;
      met.add(key);
      if (!boundary.has(key)) return ++objects <= objectsMax;
      const witness = open.get(key);
      // With a second tree that has it, it is nobody's alone.
      if (witness === null) open.set(key, other);
      else if (witness !== undefined) open.delete(key);
      return false;
    };
    follow(source, other, visit, onStep);
  }
  return concerned;
}
