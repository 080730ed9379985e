/**
 * Refs: names that point to snapshot records. A ref is a file of 65 bytes (the id in hexadecimal and a line end), named by
 * the first 16 bytes of the BLAKE3 of the folded name, so that any name fits a filename and names that differ only in
 * case are one. Changes are compare-and-swap under a lock; a change is durable when the call returns.
 */
import { hash } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import type { SnapshotId } from "../ids.js";
import {
  ensureDirectory,
  namesIn,
  readWhole,
  syncDirectory,
  withDirectory,
  writeDurably,
} from "../platform/durable.js";
import { anywhere, isErrno, type Files } from "../platform/files.js";
import { withLock } from "../platform/lock.js";
import { StagedFile } from "../platform/staged-file.js";
import { RecentRefs } from "./recent-refs.js";
import type { RefScope } from "./ref-scope.js";
import { removeTree } from "./remove.js";

export class Refs {
  readonly #files: Files;
  readonly #directory: string;
  readonly #lockPath: string;
  /** Among which the newest of a scope is. */
  readonly recent: RecentRefs;

  constructor(files: Files, directory: string, lockPath: string) {
    this.#files = files;
    this.#directory = directory;
    this.#lockPath = lockPath;
    this.recent = new RecentRefs(files, lockPath);
  }

  read(scope: RefScope, name: string): SnapshotId | null {
    return this.readFile(scope, refFile(name));
  }

  /** Of the file that holds a ref. */
  path(scope: RefScope, name: string): string {
    return `${this.#scopeDirectory(scope)}/${refFile(name)}`;
  }

  list(scope: RefScope): SnapshotId[] {
    return this.files(scope).flatMap((file) => this.readFile(scope, file) ?? []);
  }

  /** The file names of a scope, for checks that want each ref on its own. */
  files(scope: RefScope): string[] {
    return namesIn(this.#files, this.#scopeDirectory(scope));
  }

  scopes(): RefScope[] {
    return [null, ...namesIn(this.#files, `${this.#directory}/disks`)];
  }

  /** A ref that may become durable with other files before `swap` gives it its name. */
  stage(scope: RefScope, to: SnapshotId): StagedFile {
    const directory = this.#scopeDirectory(scope);
    try {
      return StagedFile.create(this.#files, directory, encodeRef(to));
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
      ensureDirectory(this.#files, directory);
      return StagedFile.create(this.#files, directory, encodeRef(to));
    }
  }

  /**
   * Points a name at `to`, or removes it with null, provided that it points at `from` now (null: at nothing). `staged`: the ref
   * to `to`, whose content is durable. Code `ref_conflict` when the name points elsewhere.
   */
  swap(
    scope: RefScope,
    name: string,
    from: SnapshotId | null,
    to: SnapshotId | null,
    staged: StagedFile | null = null,
  ): void {
    this.#changing(scope, () => {
      const present = this.read(scope, name);
      if (present !== from) {
        throw new StoreError("ref_conflict", `ref ${JSON.stringify(name)} has changed meanwhile`, {
          data: { present },
        });
      }
      const directory = this.#scopeDirectory(scope);
      if (present !== null) this.recent.remove(scope, present);
      if (to !== null) {
        if (staged === null) ensureDirectory(this.#files, directory);
        // Whoever made the directory may have died before its name was durable; a ref in it shows that nobody has.
        if (!this.recent.has(scope) && this.files(scope).length === 0) {
          syncDirectory(this.#files, parentOf(directory));
          // The same goes for the name of `format.json`, without which there is no store.
          syncDirectory(this.#files, parentOf(this.#directory));
        }
        if (staged === null) writeDurably(this.#files, directory, refFile(name), encodeRef(to));
        else {
          staged.name(refFile(name));
          syncDirectory(this.#files, directory);
        }
        this.recent.add(scope, to);
      } else if (present !== null) {
        this.#files.unlink(anywhere, `${directory}/${refFile(name)}`);
        syncDirectory(this.#files, directory);
      }
    });
  }

  /** For a repair: makes a ref file name a record, whatever it held. */
  rewrite(scope: RefScope, file: string, to: SnapshotId): void {
    this.#changing(scope, () => {
      this.recent.forget(scope);
      writeDurably(this.#files, this.#scopeDirectory(scope), file, encodeRef(to));
    });
  }

  /** Makes durable what others have changed, and may have died before they made it so. */
  sync(): void {
    syncDirectory(this.#files, `${this.#directory}/disks`);
    for (const scope of this.scopes()) {
      try {
        syncDirectory(this.#files, this.#scopeDirectory(scope));
      } catch (error) {
        // Its disk was deleted meanwhile.
        if (!isErrno(error, "ENOENT")) throw error;
      }
    }
  }

  /** Removes a whole scope with all its refs. */
  dropScope(scope: string): void {
    this.#changing(scope, () => {
      this.recent.forget(scope);
      const disks = `${this.#directory}/disks`;
      // Also what a writer that died left unfinished in it.
      withDirectory(this.#files, disks, (directory) => {
        removeTree(this.#files, directory, scope);
        this.#files.sync(directory);
      });
    });
  }

  #changing(scope: RefScope, run: () => void): void {
    withLock(this.#files, this.#lockPath, "exclusive", () => {
      this.recent.mark();
      try {
        run();
      } catch (error) {
        // It may have been done in part.
        this.recent.forget(scope);
        throw error;
      }
    });
  }

  #scopeDirectory(scope: RefScope): string {
    return scope === null ? `${this.#directory}/snapshots` : `${this.#directory}/disks/${scope}`;
  }

  /** What a ref file names, or null when there is none. */
  readFile(scope: RefScope, file: string): SnapshotId | null {
    const content = readWhole(this.#files, `${this.#scopeDirectory(scope)}/${file}`);
    if (content === null) return null;
    const text = content.toString("latin1");
    if (!/^[0-9a-f]{64}\n$/.test(text)) {
      throw new StoreError("corrupt", `ref file ${file} does not hold a snapshot id`, { data: { file } });
    }
    return text.slice(0, 64) as SnapshotId;
  }
}

function encodeRef(id: SnapshotId): Buffer {
  return Buffer.from(`${id}\n`);
}

/** Case is folded the simple way: what is equal in lower case is one name. */
export function refFile(name: string): string {
  return hash(Buffer.from(name.normalize("NFC").toLowerCase(), "utf8")).toString("hex", 0, 16);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
