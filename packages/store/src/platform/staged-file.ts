/**
 * New files in two steps: under passing names until their content is durable, then under their own. Apart, so that files that
 * belong together need to wait for the disk once for all contents, and once for all names.
 */
import { StoreError } from "../errors.js";
import { removeIfPresent, temporaryName, withDirectory } from "./durable.js";
import { anywhere, type Fd, type Files } from "./files.js";

export class StagedFile {
  readonly fd: Fd;
  readonly #files: Files;
  readonly #directory: string;
  readonly #passing: string;
  #closed = false;

  private constructor(files: Files, directory: string, passing: string, fd: Fd) {
    this.#files = files;
    this.#directory = directory;
    this.#passing = passing;
    this.fd = fd;
  }

  static create(files: Files, directory: string, content: Uint8Array | null = null): StagedFile {
    const passing = `${directory}/${temporaryName()}`;
    const staged = new StagedFile(
      files,
      directory,
      passing,
      files.open(anywhere, passing, { access: "create" }),
    );
    try {
      if (content !== null) files.write(staged.fd, content, 0);
      return staged;
    } catch (error) {
      staged.discard();
      throw error;
    }
  }

  /** Its content must be durable. That the name is, is for the caller to make sure of. */
  name(name: string): void {
    this.#files.rename(anywhere, this.#passing, anywhere, `${this.#directory}/${name}`);
    this.#close();
  }

  /** Removes it unless it has its name. Idempotent. */
  discard(): void {
    if (this.#closed) return;
    this.#close();
    try {
      removeIfPresent(this.#files, anywhere, this.#passing);
    } catch (error) {
      // What made the caller give up says more, and collection sweeps what stays.
      if (!(error instanceof StoreError)) throw error;
    }
  }

  #close(): void {
    this.#closed = true;
    this.#files.close(this.fd);
  }
}

/** Makes the contents durable; with `filesystem` also the whole filesystem that this directory is on, and all at once. */
export function syncContents(files: Files, fds: readonly Fd[], filesystem: string | null): void {
  let covered: bigint | null = null;
  if (filesystem !== null) {
    withDirectory(files, filesystem, (directory) => {
      files.syncFilesystem(directory);
      covered = files.statOpen(directory).device;
    });
  }
  for (const fd of fds) {
    if (covered === null || files.statOpen(fd).device !== covered) files.sync(fd);
  }
}
