/**
 * Objects by id: what a snapshot writes to and everything reads from. Content goes into data packs, tree nodes and chunk
 * lists into tree packs, so that metadata is read in few places.
 */
import { StoreError } from "../errors.js";
import { hash, type Digest } from "../chunk/hash.js";
import type { Files } from "../platform/files.js";
import { CompressionPool } from "./compress.js";
import type { PackKind } from "./format.js";
import { PackIndex } from "./index.js";
import { PackReader } from "./reader.js";
import { PackWriter } from "./writer.js";

export interface ObjectSource {
  /** The verified bytes; a view that the caller must not change. Code `chunk_missing` when there are none. */
  get(id: Digest): Buffer;
}

/** What a walk stores to. */
export interface ObjectWriter extends ObjectSource {
  put(kind: PackKind, bytes: Uint8Array): Digest;
  readonly deduplicatedBytes: number;
}

/** Collects new objects; nothing is stored before `commit` returns. */
export class ChunkWriter implements ObjectWriter {
  readonly #store: Chunks;
  readonly #writers: Record<PackKind, PackWriter>;
  /** The first failure: what was lost by it is needed, whatever the caller made of the error. */
  #failure: unknown = null;
  /** What was written: bytes of packs, and the plain bytes found already stored. */
  packBytes = 0;
  storedBytes = 0;
  deduplicatedBytes = 0;

  constructor(store: Chunks, files: Files, directory: string) {
    this.#store = store;
    const make = (kind: PackKind): PackWriter =>
      new PackWriter(files, directory, kind, store.compression, (pack) => {
        this.packBytes += pack.fileBytes;
        store.index.addPack(pack);
      });
    this.#writers = { data: make("data"), tree: make("tree") };
  }

  put(kind: PackKind, bytes: Uint8Array): Digest {
    const id = hash(bytes);
    if (this.#writers[kind].has(id) || this.#store.index.has(id)) {
      this.deduplicatedBytes += bytes.length;
    } else {
      this.#remembering(() => this.#writers[kind].add(id, bytes));
      this.storedBytes += bytes.length;
    }
    return id;
  }

  get(id: Digest): Buffer {
    return this.#writers.tree.pendingBytes(id) ?? this.#remembering(() => this.#store.get(id));
  }

  /** Makes everything durable: packs first, then the index. Throws when any call failed before. */
  commit(): void {
    if (this.#failure !== null) throw this.#failure as Error;
    this.#writers.data.finish();
    this.#writers.tree.finish();
    this.#store.index.save();
  }

  /** Idempotent. Packs that are complete stay, as garbage that collection finds. */
  abort(): void {
    this.#writers.data.abort();
    this.#writers.tree.abort();
  }

  #remembering<Result>(run: () => Result): Result {
    try {
      return run();
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
  }
}

export class Chunks implements ObjectSource {
  readonly index: PackIndex;
  /** Shared by all writers of this store. */
  readonly compression = new CompressionPool();
  readonly #files: Files;
  readonly #directory: string;
  readonly #reader: PackReader;

  constructor(files: Files, packDirectory: string, indexDirectory: string) {
    this.#files = files;
    this.#directory = packDirectory;
    this.index = PackIndex.open(files, packDirectory, indexDirectory);
    this.#reader = new PackReader(files, packDirectory);
  }

  get(id: Digest): Buffer {
    const bytes = this.#read(id);
    if (bytes !== null) return bytes;
    // Another process may have written, or collection may have moved it, since the index was read.
    this.reload();
    const again = this.#read(id);
    if (again !== null) return again;
    throw new StoreError("chunk_missing", `chunk ${id.toString("hex")} is not in the store`, {
      data: { chunk: id.toString("hex") },
    });
  }

  writer(): ChunkWriter {
    return new ChunkWriter(this, this.#files, this.#directory);
  }

  /** Reads what others have written since, and forgets the packs that are gone. */
  reload(): void {
    if (this.index.reload()) this.#reader.retain((pack) => this.index.hasPack(pack));
  }

  close(): void {
    this.#reader.close();
    this.index.close();
    this.compression.close();
  }

  #read(id: Digest): Buffer | null {
    const location = this.index.find(id);
    return location === null ? null : this.#reader.read(id, location);
  }
}
