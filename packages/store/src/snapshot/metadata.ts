/** Gives an entry that was just made, or that is already there, the owner, attributes, mode and times that its tree says. */
import { isErrno, type Fd, type Files } from "../platform/files.js";
import type { TreeEntry, Xattr } from "../tree/entry.js";
import type { Owners } from "./owners.js";
import { pathOf, type Place } from "./place.js";
import type { Work } from "./work.js";

export interface MetadataOptions {
  owners: Owners;
  work: Work;
  /** What an attribute is called on disk. Default: as in the tree. */
  attributeOnDisk?: (name: Buffer) => Buffer;
}

/** What metadata is set on: a name in a directory, and where it is open, the descriptor, which is quicker. */
export interface Target {
  directory: Fd;
  name: Buffer;
  open: Fd | null;
}

/** What the entry has now. */
export interface Present {
  uid: number;
  gid: number;
  /** Null: not known. */
  mode: number | null;
  /** It is sure to have no attributes. */
  bare: boolean;
}

export class Metadata {
  readonly #files: Files;
  readonly #options: MetadataOptions;

  constructor(files: Files, options: MetadataOptions) {
    this.#files = files;
    this.#options = options;
  }

  isOwnedRight(entry: TreeEntry, present: { uid: number; gid: number }): boolean {
    const owner = this.#options.owners.toHost(entry);
    return owner.uid === present.uid && owner.gid === present.gid;
  }

  /** Owner first, because changing it clears setuid; then attributes, mode, and times last. */
  apply(target: Target, entry: TreeEntry, present: Present, place: Place): void {
    const files = this.#files;
    const [fd, name] = target.open === null ? [target.directory, target.name] : [target.open, null];
    const ownerWasRight = this.isOwnedRight(entry, present);
    const ownerIsRight = ownerWasRight || this.#setOwner(fd, name, entry, place);
    if (!present.bare || entry.xattrs.length > 0) this.#applyXattrs(target, entry.xattrs, place);
    if (entry.type !== "symlink") {
      // A setuid bit must not end up on a file of the wrong owner.
      const mode = ownerIsRight ? entry.mode : entry.mode & 0o1777;
      if (mode !== entry.mode) {
        this.#problem(place, "mode_not_restored", "setuid and setgid are left out under another owner");
      }
      // An access list among the attributes changes the mode.
      const modeIsRight = ownerWasRight && present.bare && entry.xattrs.length === 0 && present.mode === mode;
      if (!modeIsRight) this.#attempt(place, "mode", () => files.setMode(fd, name, mode));
    }
    this.#attempt(place, "time", () => {
      files.setModified(fd, name, entry.mtimeSeconds, entry.mtimeNanoseconds);
    });
  }

  /** Of what belongs to somebody else, such as a directory that was there, neither may be set. */
  #attempt(place: Place, what: "mode" | "time", run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!isErrno(error, "EPERM")) throw error;
      this.#problem(place, `${what}_not_restored`, `no permission to set its ${what}`);
    }
  }

  #setOwner(fd: Fd, name: Buffer | null, entry: TreeEntry, place: Place): boolean {
    const { uid, gid } = this.#options.owners.toHost(entry);
    try {
      this.#files.setOwner(fd, name, uid, gid);
      return true;
    } catch (error) {
      if (!isErrno(error, "EPERM", "EINVAL")) throw error;
      this.#problem(place, "owner_not_restored", `no permission to give it to ${uid}:${gid}`);
      return false;
    }
  }

  #applyXattrs({ directory, name }: Target, wanted: Xattr[], place: Place): void {
    const files = this.#files;
    const rename = this.#options.attributeOnDisk ?? ((attribute: Buffer) => attribute);
    const targets = new Map(wanted.map((xattr) => [rename(xattr.name).toString("latin1"), xattr.value]));
    const attempt = (attribute: Buffer, run: () => void): void => {
      try {
        run();
      } catch (error) {
        if (
          !isErrno(error, "EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOSPC", "ERANGE", "E2BIG")
        )
          throw error;
        const message = `attribute ${attribute.toString("utf8")} cannot be set here`;
        this.#problem(place, "xattr_not_restored", message);
      }
    };
    for (const attribute of files.xattrNames(directory, name)) {
      const value = targets.get(attribute.toString("latin1"));
      if (value === undefined) {
        // The kernel's own labels are not ours to remove.
        if (!attribute.subarray(0, 9).equals(Buffer.from("security."))) {
          attempt(attribute, () => files.removeXattr(directory, name, attribute));
        }
      } else if (files.xattr(directory, name, attribute)?.equals(value) === true) {
        targets.delete(attribute.toString("latin1"));
      }
    }
    for (const [attribute, value] of targets) {
      const bytes = Buffer.from(attribute, "latin1");
      attempt(bytes, () => files.setXattr(directory, name, bytes, value));
    }
  }

  #problem(place: Place, code: string, message: string): void {
    this.#options.work.problem(pathOf(place), code, message);
  }
}
