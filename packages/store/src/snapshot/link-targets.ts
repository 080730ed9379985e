/** The first link of each hard link group that a restore has met or made, to which the others of the group are linked. */
import { ByteWriter } from "../bytes.js";
import { isErrno, type Fd, type Files } from "../platform/files.js";
import type { TreeEntry } from "../tree/entry.js";
import { writeEntry } from "../tree/node.js";
import type { Place } from "./place.js";

interface FirstLink {
  place: Place;
  /** That it must still be. */
  inode: bigint;
}

export class LinkTargets {
  readonly #files: Files;
  readonly #root: Fd;
  readonly #firsts = new Map<string, FirstLink>();
  readonly #inodes = new Set<bigint>();

  /** Places are relative to `root`. */
  constructor(files: Files, root: Fd) {
    this.#files = files;
    this.#root = root;
  }

  /** Makes an existing file known as the first link of its group, where it is the first. */
  remember(directory: Fd, entry: TreeEntry, place: Place): void {
    const key = linkKey(entry);
    if (key === null || this.#firsts.has(key)) return;
    const { inode } = this.#files.stat(directory, entry.name);
    this.#firsts.set(key, { place, inode });
    this.#inodes.add(inode);
  }

  /** True when the inode already stands for a group that was met. */
  has(inode: bigint): boolean {
    return this.#inodes.has(inode);
  }

  /** The inode that an entry's group has on disk, or null when none was met yet. */
  inodeOf(entry: TreeEntry): bigint | null {
    return this.#first(entry)?.inode ?? null;
  }

  /**
   * Makes the entry a link to the first of its group. "failed" when that is no longer there, or may not be reached or
   * linked to.
   */
  link(directory: Fd, entry: TreeEntry): "linked" | "first" | "failed" {
    const first = this.#first(entry);
    if (first === undefined) return "first";
    let parent: Fd | null = null;
    try {
      parent = openPlace(this.#files, this.#root, first.place.parent);
      if (this.#files.stat(parent, first.place.name).inode !== first.inode) return "failed";
      this.#files.link(parent, first.place.name, directory, entry.name);
      return "linked";
    } catch (error) {
      if (!isErrno(error, "ENOENT", "EMLINK", "ENOTDIR", "ELOOP", "EACCES", "EPERM", "EXDEV")) throw error;
      return "failed";
    } finally {
      if (parent !== null) this.#files.close(parent);
    }
  }

  #first(entry: TreeEntry): FirstLink | undefined {
    const key = linkKey(entry);
    return key === null ? undefined : this.#firsts.get(key);
  }
}

/** Entries of one group that also agree in everything else are one file; null for an entry without other links. */
export function linkKey(entry: TreeEntry): string | null {
  if (entry.linkGroup === null) return null;
  const out = new ByteWriter(256);
  writeEntry(out, { ...entry, name: Buffer.alloc(0) });
  return out.finish().toString("latin1");
}

/** Opens a directory, one component after the other, so that no symlink is followed. */
export function openPlace(files: Files, root: Fd, place: Place | null): Fd {
  const names: Buffer[] = [];
  for (let at = place; at?.parent != null; at = at.parent) names.push(at.name);
  let fd = files.open(root, ".", { directory: true });
  for (const name of names.reverse()) {
    try {
      const next = files.open(fd, name, { directory: true });
      files.close(fd);
      fd = next;
    } catch (error) {
      files.close(fd);
      throw error;
    }
  }
  return fd;
}
