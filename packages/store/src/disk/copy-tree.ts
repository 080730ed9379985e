/**
 * Copies a directory with everything in it to another place on the filesystem. File content is shared where the filesystem
 * can do that, and read and written with its holes elsewhere. Nothing is translated or left out: what may not be copied as it
 * is fails the copy.
 */
import type { Fd, Files, Stat } from "../platform/files.js";
import { openPlace } from "../snapshot/link-targets.js";
import { rootPlace, type Place } from "../snapshot/place.js";
import type { Work } from "../snapshot/work.js";
import { copyMetadata } from "./copy-metadata.js";
import { requireDepth } from "./depth.js";

const pieceBytes = 1024 * 1024;

/** Fills the empty directory `to`. Not durable. */
export function copyTree(files: Files, from: Fd, to: Fd, work: Work): void {
  new TreeCopy(files, to, work).directory(from, to, rootPlace);
}

class TreeCopy {
  readonly #files: Files;
  readonly #target: Fd;
  readonly #work: Work;
  /** Where the first name of a file with several was made. */
  readonly #links = new Map<string, Place>();
  #piece: Buffer | null = null;

  constructor(files: Files, target: Fd, work: Work) {
    this.#files = files;
    this.#target = target;
    this.#work = work;
  }

  directory(from: Fd, to: Fd, place: Place, depth = 0): void {
    requireDepth(depth);
    for (const { name } of this.#files.list(from)) this.#entry(from, to, { parent: place, name }, depth);
    copyMetadata(this.#files, { directory: from, name: null }, { directory: to, name: null });
  }

  #entry(from: Fd, to: Fd, place: Place, depth: number): void {
    const { name } = place;
    const files = this.#files;
    this.#work.step();
    const stat = files.stat(from, name);
    if (stat.type === "directory") {
      files.makeDirectory(to, name, 0o700);
      const source = files.open(from, name, { directory: true });
      const target = files.open(to, name, { directory: true });
      try {
        this.directory(source, target, place, depth + 1);
      } finally {
        files.close(source);
        files.close(target);
      }
      return;
    }
    this.#work.progress.files += 1;
    if (stat.links > 1 && this.#linkToFirst(stat, to, place)) return;
    if (stat.type === "file") {
      this.#file(from, to, name);
      return;
    }
    if (stat.type === "symlink") files.makeSymlink(files.readSymlink(from, name), to, name);
    else {
      const { type, major, minor } = stat;
      files.makeNode(to, name, { type, mode: 0o600, major, minor });
    }
    copyMetadata(files, { directory: from, name }, { directory: to, name });
  }

  #linkToFirst(stat: Stat, to: Fd, place: Place): boolean {
    const key = `${stat.device}:${stat.inode}`;
    const first = this.#links.get(key);
    if (first === undefined) {
      this.#links.set(key, place);
      return false;
    }
    const parent = openPlace(this.#files, this.#target, first.parent);
    try {
      this.#files.link(parent, first.name, to, place.name);
    } finally {
      this.#files.close(parent);
    }
    return true;
  }

  #file(from: Fd, to: Fd, name: Buffer): void {
    const files = this.#files;
    const source = files.open(from, name);
    try {
      const target = files.open(to, name, { access: "create" });
      try {
        if (!files.shareContent(source, target)) this.#content(source, target);
      } finally {
        files.close(target);
      }
    } finally {
      files.close(source);
    }
    copyMetadata(files, { directory: from, name }, { directory: to, name });
  }

  #content(source: Fd, target: Fd): void {
    const files = this.#files;
    const { sizeBytes } = files.statOpen(source);
    this.#piece ??= Buffer.allocUnsafe(pieceBytes);
    for (let at = files.seek(source, "data", 0); at < sizeBytes; at = files.seek(source, "data", at)) {
      const end = files.seek(source, "hole", at);
      // It was cut short meanwhile: each is asked for its end.
      if (end <= at) break;
      while (at < end) {
        const count = files.read(source, this.#piece.subarray(0, Math.min(pieceBytes, end - at)), at);
        if (count === 0) break;
        files.write(target, this.#piece.subarray(0, count), at);
        this.#work.addBytes(count);
        at += count;
      }
      if (at < end) break;
    }
    files.truncate(target, sizeBytes);
  }
}
