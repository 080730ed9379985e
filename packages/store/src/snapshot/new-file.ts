/** Makes regular files: content and metadata, with as few calls of the kernel as the directory allows. */
import { StoreError } from "../errors.js";
import type { ObjectSource } from "../pack/chunks.js";
import { removeIfPresent } from "../platform/durable.js";
import type { Fd, Files } from "../platform/files.js";
import { readContent } from "../tree/content.js";
import type { FileEntry } from "../tree/entry.js";
import type { Metadata, Present } from "./metadata.js";
import type { Place } from "./place.js";
import type { Work } from "./work.js";

/** Until its owner is right, nobody else may look into a file. */
const privateMode = 0o600;

export class NewFiles {
  writtenBytes = 0;
  readonly #files: Files;
  readonly #source: ObjectSource;
  readonly #metadata: Metadata;
  readonly #work: Work;
  /** What the kernel gives to a file in a plain directory, by the mode it was made with: the umask is part of it. */
  readonly #given = new Map<number, Present>();

  constructor(files: Files, source: ObjectSource, metadata: Metadata, work: Work) {
    this.#files = files;
    this.#source = source;
    this.#metadata = metadata;
    this.#work = work;
  }

  /** The name must be free, and is again when this fails. `plain`: see `isPlain`. */
  create(directory: Fd, entry: FileEntry, place: Place, plain: boolean): void {
    const mode = plain ? this.#firstMode(entry) : privateMode;
    const fd = this.#files.open(directory, entry.name, { access: "create", mode });
    try {
      this.#write(fd, entry);
      const present = plain ? this.#given.get(mode) : undefined;
      const target = { directory, name: entry.name, open: fd };
      this.#metadata.apply(target, entry, present ?? this.#ask(fd, mode, plain), place);
    } catch (error) {
      removeIfPresent(this.#files, directory, entry.name);
      throw error;
    } finally {
      this.#files.close(fd);
    }
  }

  /** The final mode, where the file is its owner's from the start. */
  #firstMode(entry: FileEntry): number {
    const own = this.#given.get(privateMode);
    const isOwn = own !== undefined && this.#metadata.isOwnedRight(entry, own);
    // Attributes are only set on what may be written.
    return isOwn && entry.mode <= 0o777 && entry.xattrs.length === 0 ? entry.mode : privateMode;
  }

  #ask(fd: Fd, modeAsked: number, plain: boolean): Present {
    const { uid, gid, mode } = this.#files.statOpen(fd);
    const present = { uid, gid, mode, bare: plain };
    if (plain) this.#given.set(modeAsked, present);
    return present;
  }

  #write(fd: Fd, entry: FileEntry): void {
    let at = 0;
    for (const item of readContent(this.#source, entry.content, entry.sizeBytes)) {
      if (item.kind === "chunk") {
        const bytes = this.#source.get(item.id, "once");
        if (bytes.length !== item.length)
          throw new StoreError("corrupt", "chunk has another length than its list says");
        this.#files.write(fd, bytes, at);
        this.writtenBytes += bytes.length;
        this.#work.addBytes(bytes.length);
      }
      at += item.length;
    }
    // A hole at the end has nothing to write, only a length.
    if (entry.content !== null && entry.content.depth > 0) this.#files.truncate(fd, entry.sizeBytes);
  }
}
