/** Which part of a tree is wanted. */
import type { ObjectSource } from "../pack/chunks.js";
import { readDirectory } from "../tree/directory.js";
import type { DirectoryTreeEntry } from "../tree/entry.js";
import { pathOf, type Place } from "./place.js";

/** "some": not the entry itself, but something below it. */
export type Selection = "all" | "some" | "none";

export class Selector {
  readonly #paths: Buffer[] | null;

  /** Null: everything. Else these paths with what is below them. */
  constructor(paths: Buffer[] | null) {
    this.#paths = paths;
  }

  of(place: Place): Selection {
    if (this.#paths === null) return "all";
    const path = pathOf(place);
    let some: Selection = "none";
    for (const wanted of this.#paths) {
      if (isWithin(path, wanted)) return "all";
      if (isWithin(wanted, path)) some = "some";
    }
    return some;
  }
}

/** How many entries are selected below a directory that is itself not. */
export function countSelected(
  source: ObjectSource,
  selector: Selector,
  entry: DirectoryTreeEntry,
  place: Place,
): number {
  let count = 0;
  for (const child of readDirectory(source, entry.id)) {
    const childPlace = { parent: place, name: child.name };
    const selection = selector.of(childPlace);
    if (selection === "none" || (selection === "some" && child.type !== "directory")) continue;
    count += 1;
    if (child.type !== "directory") continue;
    if (selection === "some") count += countSelected(source, selector, child, childPlace);
    else count += child.sums.files + child.sums.directories;
  }
  return count;
}

/** True when `path` is `parent` or below it. */
function isWithin(path: Buffer, parent: Buffer): boolean {
  if (parent.length === 0) return true;
  if (!path.subarray(0, parent.length).equals(parent)) return false;
  return path.length === parent.length || path[parent.length] === 0x2f;
}
