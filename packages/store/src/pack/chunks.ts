/**
 * Objects by id: what a snapshot writes to and everything reads from. Content goes into data packs, tree nodes and chunk
 * lists into tree packs, so that metadata is read in few places.
 */
import { StoreError } from "../errors.js";
import { ByteWriter } from "../bytes.js";
import { digestBytes, hash, type Digest } from "../chunk/hash.js";
import type { PackId } from "../ids.js";
import { syncDirectories } from "../platform/durable.js";
import type { Fd, Files } from "../platform/files.js";
import { syncContents } from "../platform/staged-file.js";
import { CompressionPool } from "./compress.js";
import type { PackKind } from "./format.js";
import { PackIndex, type StagedIndex } from "./index.js";
import { PackReader, type ObjectUse } from "./reader.js";
import { PackWriter, type SealedPack, type Undisturbed, type WrittenPack } from "./writer.js";

export interface ObjectSource {
  /**
   * The verified bytes, not to be changed; used "once", they hold only until the next call. Code `chunk_missing` when there
   * are none.
   */
  get(id: Digest, use?: ObjectUse): Buffer;
}

/** What a walk stores to. */
export interface ObjectWriter extends ObjectSource {
  put(kind: PackKind, bytes: Uint8Array): Digest;
  readonly deduplicatedBytes: number;
}

/**
 * Collects new objects. What is found stored is not stored again but relied on, and collection runs beside this: so before
 * the last packs get their names, `isWhole` looks again whether all that is relied on is there.
 */
export class ChunkWriter implements ObjectWriter {
  readonly #store: Chunks;
  readonly #files: Files;
  readonly #directory: string;
  readonly #lossesBefore: number;
  readonly #relied = new ByteWriter();
  readonly #writers: Record<PackKind, PackWriter>;
  /** The first failure: what was lost by it is needed, whatever the caller made of the error. */
  #failure: unknown = null;
  readonly #sealed: SealedPack[] = [];
  #stagedIndex: StagedIndex | null = null;
  readonly #named: PackId[] = [];
  #namedBytes = 0;
  /** What was written and what was found already stored, in plain bytes. */
  storedBytes = 0;
  deduplicatedBytes = 0;

  constructor(
    store: Chunks,
    files: Files,
    directory: string,
    beforeName: (pack: PackId) => void,
    undisturbed: Undisturbed,
  ) {
    this.#store = store;
    this.#files = files;
    this.#directory = directory;
    this.#lossesBefore = store.index.losses;
    const onPack = (pack: WrittenPack): void => {
      this.#named.push(pack.id);
      this.#namedBytes += pack.fileBytes;
      store.index.addPack(pack);
    };
    const make = (kind: PackKind): PackWriter =>
      new PackWriter(files, directory, kind, store.compression, onPack, beforeName, undisturbed);
    this.#writers = { data: make("data"), tree: make("tree") };
  }

  /** Of all packs that are complete. */
  get packBytes(): number {
    return this.#sealed.reduce((total, { contents }) => total + contents.fileBytes, this.#namedBytes);
  }

  put(kind: PackKind, bytes: Uint8Array): Digest {
    const id = hash(bytes);
    if (this.#writers[kind].has(id)) {
      this.deduplicatedBytes += bytes.length;
    } else if (this.#store.index.has(id)) {
      this.#relied.bytes(id);
      this.deduplicatedBytes += bytes.length;
    } else {
      this.#remembering(() => this.#writers[kind].add(id, bytes));
      this.storedBytes += bytes.length;
    }
    return id;
  }

  /** The length of an object that is stored already, which is relied on from now on; else null. */
  stored(id: Digest): number | null {
    const found = this.#store.index.find(id);
    if (found === null) return null;
    this.#relied.bytes(id);
    return found.length;
  }

  get(id: Digest): Buffer {
    return this.#writers.tree.pendingBytes(id) ?? this.#remembering(() => this.#store.get(id));
  }

  /** Completes the packs, under passing names, and returns what is to be durable before `name`. Throws when any call failed before. */
  seal(): Fd[] {
    if (this.#failure !== null) throw this.#failure as Error;
    for (const writer of [this.#writers.data, this.#writers.tree]) {
      const pack = writer.seal();
      if (pack === null) continue;
      this.#sealed.push(pack);
    }
    this.#stagedIndex = this.#store.index.stage(this.#sealed.map(({ contents }) => contents));
    const index = this.#stagedIndex === null ? [] : [this.#stagedIndex.file.fd];
    return [...this.#sealed.map(({ file }) => file.fd), ...index];
  }

  /**
   * After `seal`, with collection locked out: is everything there that is relied on, and every pack that was full before?
   * Else all has to be written again.
   */
  isWhole(): boolean {
    this.#store.reload();
    return this.#namedAreThere() && this.#reliedIsThere();
  }

  /** Others may see the packs from now on. */
  name(): void {
    for (const pack of this.#sealed) pack.name();
  }

  /** To be synced after `name` and before `end`. */
  directories(): string[] {
    return this.#sealed.length > 0 ? [this.#directory] : [];
  }

  /** Tells the index. What needs the objects may become visible then. */
  end(): void {
    for (let pack = this.#sealed.shift(); pack !== undefined; pack = this.#sealed.shift()) pack.end();
    this.#store.index.saveStaged(this.#stagedIndex);
    this.#stagedIndex = null;
  }

  /** All of it, for what needs nothing else to be durable. False as `isWhole` says. */
  commit(): boolean {
    syncContents(this.#files, this.seal(), null);
    if (!this.isWhole()) return false;
    this.name();
    syncDirectories(this.#files, this.directories());
    this.end();
    return true;
  }

  /** Idempotent. Packs that are complete stay, as garbage that collection finds. */
  abort(): void {
    this.#writers.data.abort();
    this.#writers.tree.abort();
    this.#stagedIndex?.file.discard();
    this.#stagedIndex = null;
  }

  #namedAreThere(): boolean {
    if (this.#named.length === 0) return true;
    const present = this.#store.index.presentPacks();
    return this.#named.every((id) => present.has(id));
  }

  #reliedIsThere(): boolean {
    const { index } = this.#store;
    if (index.losses === this.#lossesBefore) return true;
    const relied = this.#relied.finish();
    for (let at = 0; at < relied.length; at += digestBytes) {
      if (index.find(relied.subarray(at, at + digestBytes)) === null) return false;
    }
    return true;
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

  get(id: Digest, use: ObjectUse = "keep"): Buffer {
    const bytes = this.#read(id, use);
    if (bytes !== null) return bytes;
    // Another process may have written, or collection may have moved it, since the index was read.
    this.reload();
    const again = this.#read(id, use);
    if (again !== null) return again;
    throw new StoreError("chunk_missing", `chunk ${id.toString("hex")} is not in the store`, {
      data: { chunk: id.toString("hex") },
    });
  }

  /** `beforeName` and `undisturbed` are those of `PackWriter`. */
  writer(
    beforeName: (pack: PackId) => void = () => undefined,
    undisturbed: Undisturbed = (run) => run(),
  ): ChunkWriter {
    return new ChunkWriter(this, this.#files, this.#directory, beforeName, undisturbed);
  }

  /** Reads what others have written since, and forgets the packs that are gone. */
  reload(): void {
    if (!this.index.reload()) return;
    const present = this.index.presentPacks();
    this.#reader.retain((pack) => present.has(pack));
  }

  close(): void {
    this.#reader.close();
    this.index.close();
    this.compression.close();
  }

  #read(id: Digest, use: ObjectUse): Buffer | null {
    const location = this.index.find(id);
    return location === null ? null : this.#reader.read(id, location, use);
  }
}
