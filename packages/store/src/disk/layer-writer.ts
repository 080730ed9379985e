/** Writes the difference between two trees as the files of a layer, with the marks that overlayfs understands. */
import type { ObjectSource } from "../pack/chunks.js";
import type { Fd, Files } from "../platform/files.js";
import { Materializer } from "../snapshot/materialize.js";
import {
  changesName,
  markOpaque,
  treeAttributeToChanges,
  treeAttributeToOverlay,
} from "../snapshot/overlay-marks.js";
import type { Owners } from "../snapshot/owners.js";
import { rootPlace, type Place } from "../snapshot/place.js";
import type { Work } from "../snapshot/work.js";
import type { DirectoryTreeEntry, TreeEntry } from "../tree/entry.js";
import { namePairs } from "../tree/diff.js";
import { sameEntry } from "../tree/same.js";
import { joinedNames, type NameTree } from "./link-groups.js";

export interface LayerWriterOptions {
  owners: Owners;
  work: Work;
}

/** Fills the empty directory `target` so that, above a stack that shows `before`, it shows `after`. Returns the bytes written. */
export function writeLayer(
  files: Files,
  source: ObjectSource,
  before: DirectoryTreeEntry | null,
  after: DirectoryTreeEntry,
  target: Fd,
  options: LayerWriterOptions,
): number {
  const writer = new LayerWriter(files, source, target, options);
  writer.directory(target, before, after, joinedNames(source, before, after), rootPlace);
  return writer.writtenBytes;
}

class LayerWriter {
  readonly #files: Files;
  readonly #source: ObjectSource;
  readonly #materializer: Materializer;
  readonly #changes: Materializer;

  constructor(files: Files, source: ObjectSource, target: Fd, options: LayerWriterOptions) {
    this.#files = files;
    this.#source = source;
    this.#materializer = new Materializer(files, source, target, {
      ...options,
      attributeOnDisk: treeAttributeToOverlay,
      mayMakeNode: (entry) => !looksLikeRemoval(entry),
    });
    const attributeOnDisk = treeAttributeToChanges;
    this.#changes = new Materializer(files, source, target, { ...options, attributeOnDisk });
  }

  get writtenBytes(): number {
    return this.#materializer.writtenBytes + this.#changes.writtenBytes;
  }

  directory(
    directory: Fd,
    before: DirectoryTreeEntry | null,
    after: DirectoryTreeEntry,
    joined: NameTree | null,
    place: Place,
  ): void {
    for (const { name, ...pair } of namePairs(this.#source, before, after)) {
      const below = joined?.get(name.toString("latin1"));
      this.#name(directory, pair.before, pair.after, below, { parent: place, name });
    }
    this.#materializer.directoryMetadata(directory, after, place);
  }

  #name(
    directory: Fd,
    before: TreeEntry | null,
    after: TreeEntry | null,
    joined: NameTree | undefined,
    place: Place,
  ): void {
    if (after === null) {
      this.#remove(directory, (before as TreeEntry).name);
      return;
    }
    if (before !== null && joined === undefined && sameEntry(before, after)) return;
    if (after.type === "directory" && place.parent === rootPlace && after.name.equals(changesName)) {
      this.#writeChanges(directory, before, after, place);
      return;
    }
    if (after.type === "directory" && before?.type === "directory") {
      this.#files.makeDirectory(directory, after.name, 0o700);
      const child = this.#files.open(directory, after.name, { directory: true });
      try {
        // Directories of one name merge, so what is the same below need not be in the layer.
        this.directory(child, before, after, joined ?? null, place);
      } finally {
        this.#files.close(child);
      }
      return;
    }
    // Over anything that is not a directory, and over nothing, a directory hides what deeper layers have.
    this.#materializer.create(directory, after, place);
    if (looksLikeRemoval(after) && before !== null) this.#remove(directory, after.name);
  }

  /** Whole, because a layer cannot take back what one below it changed of a tree that lies beneath both. */
  #writeChanges(directory: Fd, before: TreeEntry | null, after: DirectoryTreeEntry, place: Place): void {
    this.#changes.create(directory, after, place);
    if (before !== null) markOpaque(this.#files, directory, after.name);
  }

  #remove(directory: Fd, name: Buffer): void {
    this.#files.makeNode(directory, name, { type: "character", mode: 0, major: 0, minor: 0 });
  }
}

/** A device 0:0 in a tree is an ordinary node there, and in a layer it would hide what is below. */
function looksLikeRemoval(entry: TreeEntry): boolean {
  return entry.type === "character" && entry.major === 0 && entry.minor === 0;
}
