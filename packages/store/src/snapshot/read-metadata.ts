/** What the kernel says of an entry, as a tree says it: owners translated, times in range, extended attributes read. */
import type { Owners } from "./owners.js";
import { mtimeSecondsMax, xattrsBytesMax } from "../limits.js";
import { isErrno, type Fd, type Files, type Name, type Stat } from "../platform/files.js";
import type { Xattr } from "../tree/entry.js";
import { pathOf, type Place } from "./place.js";
import type { Work } from "./work.js";

export interface EntryMetadata {
  name: Buffer;
  mode: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  xattrs: Xattr[];
}

export class MetadataReader {
  readonly #files: Files;
  readonly #owners: Owners;
  readonly #work: Work;
  readonly #attributeToTree: (name: Buffer) => Buffer | null;

  /** `attributeToTree`: null for what a tree does not keep. What cannot be stored is reported to `work`. */
  constructor(
    files: Files,
    owners: Owners,
    work: Work,
    attributeToTree: (name: Buffer) => Buffer | null = (name) => name,
  ) {
    this.#files = files;
    this.#owners = owners;
    this.#work = work;
    this.#attributeToTree = attributeToTree;
  }

  /** Of an entry that has the attributes `xattrNames`, and that the open directory knows as `nameInDirectory`. */
  of(place: Place, stat: Stat, xattrNames: Buffer[], directory: Fd, nameInDirectory: Name): EntryMetadata {
    const owner = this.#owners.toTree(stat);
    return {
      name: place.name,
      mode: stat.mode,
      uid: owner.uid,
      gid: owner.gid,
      mtimeSeconds: this.#mtimeSeconds(place, stat),
      mtimeNanoseconds: stat.mtimeNanoseconds,
      xattrs: xattrNames.length === 0 ? [] : this.#xattrs(xattrNames, place, directory, nameInDirectory),
    };
  }

  /** Filesystems without a limit of their own take any 64 bits as a time. */
  #mtimeSeconds(place: Place, stat: Stat): number {
    const seconds = Math.min(mtimeSecondsMax, Math.max(-mtimeSecondsMax, stat.mtimeSeconds));
    if (seconds !== stat.mtimeSeconds) {
      this.#work.problem(pathOf(place), "time_not_stored", `time ${stat.mtimeSeconds} s is out of range`);
    }
    return seconds;
  }

  #xattrs(names: Buffer[], place: Place, directory: Fd, nameInDirectory: Name): Xattr[] {
    const xattrs: Xattr[] = [];
    let total = 0;
    for (const attribute of names) {
      const name = this.#attributeToTree(attribute);
      if (name === null) continue;
      let value: Buffer | null;
      try {
        value = this.#files.xattr(directory, nameInDirectory, attribute);
      } catch (error) {
        if (!isErrno(error, "EACCES", "EPERM")) throw error;
        const message = `no permission to read ${attribute.toString("utf8")}`;
        this.#work.problem(pathOf(place), "xattr_not_stored", message);
        continue;
      }
      if (value === null) continue;
      total += name.length + value.length;
      if (total > xattrsBytesMax) {
        this.#work.problem(pathOf(place), "xattr_not_stored", `more than ${xattrsBytesMax} bytes of xattrs`);
        break;
      }
      xattrs.push({ name, value });
    }
    return xattrs.sort((a, b) => a.name.compare(b.name));
  }
}
