/**
 * Fills packs. Small chunks are grouped in the order they come into frames of about 256 KiB; a pack is closed at about
 * 32 MiB, tables included. Nothing counts as stored before `finish` has returned: only then is every pack durable.
 */
import { DigestSet } from "../chunk/digest-set.js";
import { hash, digestKey, type Digest } from "../chunk/hash.js";
import type { PackId } from "../ids.js";
import { frameBytesTarget, objectBytesMax, treeFrameBytesTarget } from "../limits.js";
import { syncDirectory } from "../platform/durable.js";
import type { Files } from "../platform/files.js";
import { StagedFile, syncContents } from "../platform/staged-file.js";
import { StoreError } from "../errors.js";
import { FrameQueue, type CompressionPool, type StoredFrame } from "./compress.js";
import { compressFrame } from "./frame.js";
import {
  encodePackHeader,
  encodePackTail,
  isFullPack,
  packHeaderBytes,
  type ChunkEntry,
  type FrameEntry,
  type PackContents,
  type PackKind,
} from "./format.js";
import { slotPlainBytes } from "./slots.js";

/** What is less is kept until there is more, or the pack ends: a small snapshot's packs are written with one call each. */
const gatheredBytesMax = 64 * 1024;

/** The disk writes while the walk goes on: with all of a pack left to its end, the engine would wait for it there. */
const writingBytes = 4 * 1024 * 1024;

interface OpenPack {
  file: StagedFile;
  length: number;
  /** The end of it, which is not in the file yet. */
  gathered: Buffer[];
  gatheredBytes: number;
  /** Up to here the disk was asked to write. */
  begunLength: number;
  frames: FrameEntry[];
  chunks: ChunkEntry[];
}

/** A pack that is complete. */
export interface WrittenPack extends PackContents {
  fileBytes: number;
}

/** A pack that is complete under a passing name. */
export interface SealedPack {
  file: StagedFile;
  contents: WrittenPack;
  /** Brings it under its name; its content must be durable. */
  name: () => void;
  /** To be called when the name is durable. */
  end: () => void;
}

/** Runs while no collection takes packs away. */
export type Undisturbed = (run: () => void) => void;

export class PackWriter {
  readonly #files: Files;
  readonly #directory: string;
  readonly #kind: PackKind;
  readonly #frameBytesTarget: number;
  readonly #onPack: (pack: WrittenPack) => void;
  readonly #beforeName: (pack: PackId) => void;
  readonly #undisturbed: Undisturbed;
  #pack: OpenPack | null = null;
  readonly #queue: FrameQueue;
  /** The frame being filled: a slot of the queue, or memory of its own where it would not fit a slot. */
  #frame: { slot: number | null; bytes: Buffer } | null = null;
  #frameLength = 0;
  /** Frames begun in the open pack; those not yet written are in the queue. */
  #frameNumber = 0;
  /** Chunks whose pack is not yet durable; those of tree packs with their bytes. */
  readonly #pending = new DigestSet();
  readonly #pendingBytes = new Map<string, Buffer>();

  /**
   * `onPack` is told of each pack as soon as it is durable, `beforeName` just before others can see it. `undisturbed`: for the
   * names of packs that are full before the end; who calls `finish` or `seal` at the end sees to that of the last one.
   */
  constructor(
    files: Files,
    directory: string,
    kind: PackKind,
    pool: CompressionPool,
    onPack: (pack: WrittenPack) => void,
    beforeName: (pack: PackId) => void = () => undefined,
    undisturbed: Undisturbed = (run) => run(),
  ) {
    this.#files = files;
    this.#queue = new FrameQueue(pool, (frame) => this.#write(frame));
    this.#directory = directory;
    this.#kind = kind;
    this.#frameBytesTarget = kind === "tree" ? treeFrameBytesTarget : frameBytesTarget;
    this.#onPack = onPack;
    this.#beforeName = beforeName;
    this.#undisturbed = undisturbed;
  }

  /** True when the chunk was given to this writer and its pack is not yet durable. */
  has(id: Digest): boolean {
    return this.#pending.has(id);
  }

  /** The bytes of a chunk that was added and not yet written to a pack that can be read. Only tree packs keep them. */
  pendingBytes(id: Digest): Buffer | null {
    return this.#pendingBytes.get(digestKey(id)) ?? null;
  }

  /** Copies the bytes. The caller has made sure that the chunk is not stored yet. */
  add(id: Digest, bytes: Uint8Array): void {
    if (bytes.length > objectBytesMax) {
      throw new StoreError(
        "too_large",
        `object of ${bytes.length} bytes is above the limit of ${objectBytesMax}`,
      );
    }
    if (this.#frameLength > 0 && this.#frameLength + bytes.length > this.#frameBytesTarget)
      this.#closeFrame();
    const pack = this.#openPack();
    this.#frame ??= this.#openFrame(bytes.length);
    this.#frame.bytes.set(bytes, this.#frameLength);
    pack.chunks.push({ id, frame: this.#frameNumber, offset: this.#frameLength, length: bytes.length });
    this.#frameLength += bytes.length;
    this.#pending.add(id);
    if (this.#kind === "tree") this.#pendingBytes.set(digestKey(id), Buffer.from(bytes));
    if (this.#frameLength >= this.#frameBytesTarget) this.#closeFrame();
    this.#finishFull(pack);
  }

  /** Takes over a frame of another pack as it is, with all chunks in it. The bytes must be verified. */
  addFrame(frame: FrameEntry, stored: Uint8Array, chunks: ChunkEntry[]): void {
    this.#closeFrame();
    this.#queue.flush();
    const pack = this.#openPack();
    for (const chunk of chunks) pack.chunks.push({ ...chunk, frame: this.#frameNumber });
    this.#frameNumber += 1;
    this.#write({ ...frame, stored });
    this.#finishFull(pack);
  }

  #finishFull({ length, frames, chunks }: OpenPack): void {
    if (isFullPack(length - packHeaderBytes, frames.length, chunks.length)) this.finish();
  }

  /** Writes what is left and makes the names durable. */
  finish(): void {
    const pack = this.seal();
    if (pack === null) return;
    syncContents(this.#files, [pack.file.fd], null);
    // A collection that has found an equal pack to be garbage would take away this one in its place.
    this.#undisturbed(pack.name);
    syncDirectory(this.#files, this.#directory);
    pack.end();
  }

  /** Ends the pack that is open; null where nothing is left. Nothing may be added before it has its name or is thrown away. */
  seal(): SealedPack | null {
    this.#closeFrame();
    this.#queue.flush();
    const pack = this.#pack;
    if (pack === null) return null;
    const tail = encodePackTail(this.#kind, pack.frames, pack.chunks, pack.length);
    this.#append(pack, tail.bytes);
    this.#writeGathered(pack);
    const { frames, chunks, length: fileBytes } = pack;
    const contents = { id: tail.id, kind: this.#kind, frames, chunks, fileBytes };
    return {
      file: pack.file,
      contents,
      name: () => {
        this.#beforeName(tail.id);
        pack.file.name(packFileName(tail.id));
        this.#pack = null;
      },
      end: () => {
        this.#pending.clear();
        this.#pendingBytes.clear();
        this.#onPack(contents);
      },
    };
  }

  /** Throws away what is not finished. Idempotent. */
  abort(): void {
    if (this.#frame?.slot != null) this.#queue.giveBack(this.#frame.slot);
    this.#frame = null;
    this.#frameLength = 0;
    this.#queue.abort();
    const pack = this.#pack;
    this.#pack = null;
    this.#pending.clear();
    this.#pendingBytes.clear();
    pack?.file.discard();
  }

  #openPack(): OpenPack {
    if (this.#pack !== null) return this.#pack;
    const file = StagedFile.create(this.#files, this.#directory);
    const pack = { file, length: 0, gathered: [], gatheredBytes: 0, begunLength: 0, frames: [], chunks: [] };
    this.#append(pack, encodePackHeader(this.#kind));
    this.#frameNumber = 0;
    this.#pack = pack;
    return pack;
  }

  #openFrame(firstBytes: number): { slot: number | null; bytes: Buffer } {
    const slot = firstBytes > slotPlainBytes ? null : this.#queue.take();
    if (slot !== null) return { slot, bytes: this.#queue.plain(slot) };
    return { slot: null, bytes: Buffer.allocUnsafe(Math.max(this.#frameBytesTarget, firstBytes)) };
  }

  #closeFrame(): void {
    const frame = this.#frame;
    if (frame === null) return;
    this.#frame = null;
    const length = this.#frameLength;
    this.#frameLength = 0;
    this.#frameNumber += 1;
    if (frame.slot !== null) {
      this.#queue.submit(frame.slot, length);
      return;
    }
    // Frames are numbered in the order they are begun, so those before this one go first.
    this.#queue.flush();
    const { codec, stored } = compressFrame(frame.bytes.subarray(0, length));
    this.#write({ plainBytes: length, codec, stored, digest: hash(stored) });
  }

  #write(frame: StoredFrame): void {
    const pack = this.#pack as OpenPack;
    pack.frames.push({
      offset: pack.length,
      storedBytes: frame.stored.length,
      plainBytes: frame.plainBytes,
      codec: frame.codec,
      digest: frame.digest,
    });
    this.#append(pack, frame.stored);
    const waitingBytes = pack.length - pack.begunLength;
    if (waitingBytes < writingBytes) return;
    this.#writeGathered(pack);
    this.#files.beginWriting(pack.file.fd, pack.begunLength, waitingBytes);
    pack.begunLength = pack.length;
  }

  /** The bytes need not stay what they are after the call. */
  #append(pack: OpenPack, bytes: Uint8Array): void {
    if (pack.gatheredBytes + bytes.length > gatheredBytesMax) this.#writeGathered(pack);
    if (bytes.length > gatheredBytesMax) this.#files.write(pack.file.fd, bytes, pack.length);
    else {
      pack.gathered.push(Buffer.from(bytes));
      pack.gatheredBytes += bytes.length;
    }
    pack.length += bytes.length;
  }

  #writeGathered(pack: OpenPack): void {
    if (pack.gatheredBytes === 0) return;
    this.#files.write(pack.file.fd, Buffer.concat(pack.gathered), pack.length - pack.gatheredBytes);
    pack.gathered = [];
    pack.gatheredBytes = 0;
  }
}

export function packPath(directory: string, id: PackId): string {
  return `${directory}/${packFileName(id)}`;
}

function packFileName(id: PackId): string {
  return `${id}.pack`;
}
