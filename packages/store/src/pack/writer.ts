/**
 * Fills packs. Small chunks are grouped in the order they come into frames of about 128 KiB; a pack is closed at about
 * 32 MiB. Nothing counts as stored before `finish` has returned: only then is every pack durable.
 */
import { hash, digestKey, type Digest } from "../chunk/hash.js";
import type { PackId } from "../ids.js";
import { frameBytesTarget, objectBytesMax, packBytesTarget } from "../limits.js";
import { removeIfPresent, syncDirectory, temporaryName } from "../platform/durable.js";
import { anywhere, type Fd, type Files } from "../platform/files.js";
import { StoreError } from "../errors.js";
import { compressFrame } from "./frame.js";
import {
  encodePackHeader,
  encodePackTail,
  packHeaderBytes,
  type ChunkEntry,
  type FrameEntry,
  type PackContents,
  type PackKind,
} from "./format.js";

interface OpenPack {
  fd: Fd;
  path: string;
  length: number;
  frames: FrameEntry[];
  chunks: ChunkEntry[];
}

/** A pack that is complete and durable under its name. */
export interface WrittenPack extends PackContents {
  fileBytes: number;
}

export class PackWriter {
  readonly #files: Files;
  readonly #directory: string;
  readonly #kind: PackKind;
  readonly #onPack: (pack: WrittenPack) => void;
  #pack: OpenPack | null = null;
  #frame = Buffer.allocUnsafe(frameBytesTarget);
  #frameLength = 0;
  readonly #pending = new Map<string, Buffer | null>();

  /** `onPack` is told of each pack as soon as it is durable. */
  constructor(files: Files, directory: string, kind: PackKind, onPack: (pack: WrittenPack) => void) {
    this.#files = files;
    this.#directory = directory;
    this.#kind = kind;
    this.#onPack = onPack;
  }

  /** True when the chunk was given to this writer and its pack is not yet durable. */
  has(id: Digest): boolean {
    return this.#pending.has(digestKey(id));
  }

  /** The bytes of a chunk that was added and not yet written to a pack that can be read. Only tree packs keep them. */
  pendingBytes(id: Digest): Buffer | null {
    return this.#pending.get(digestKey(id)) ?? null;
  }

  /** Copies the bytes. The caller has made sure that the chunk is not stored yet. */
  add(id: Digest, bytes: Uint8Array): void {
    if (bytes.length > objectBytesMax) {
      throw new StoreError(
        "too_large",
        `object of ${bytes.length} bytes is above the limit of ${objectBytesMax}`,
      );
    }
    if (this.#frameLength > 0 && this.#frameLength + bytes.length > frameBytesTarget) this.#closeFrame();
    if (bytes.length > this.#frame.length) this.#frame = Buffer.allocUnsafe(bytes.length);
    this.#frame.set(bytes, this.#frameLength);
    const pack = this.#openPack();
    pack.chunks.push({ id, frame: pack.frames.length, offset: this.#frameLength, length: bytes.length });
    this.#frameLength += bytes.length;
    this.#pending.set(digestKey(id), this.#kind === "tree" ? Buffer.from(bytes) : null);
    if (this.#frameLength >= frameBytesTarget) this.#closeFrame();
    if (pack.length >= packBytesTarget) this.#closePack();
  }

  /** Writes what is left and makes the names durable. */
  finish(): void {
    this.#closePack();
  }

  /** Throws away what is not finished. Idempotent. */
  abort(): void {
    const pack = this.#pack;
    this.#pack = null;
    this.#frameLength = 0;
    this.#pending.clear();
    if (pack === null) return;
    this.#files.close(pack.fd);
    removeIfPresent(this.#files, anywhere, pack.path);
  }

  #openPack(): OpenPack {
    if (this.#pack !== null) return this.#pack;
    const path = `${this.#directory}/${temporaryName()}`;
    const fd = this.#files.open(anywhere, path, { access: "create" });
    this.#pack = { fd, path, length: packHeaderBytes, frames: [], chunks: [] };
    this.#files.write(fd, encodePackHeader(this.#kind), 0);
    return this.#pack;
  }

  #closeFrame(): void {
    if (this.#frameLength === 0) return;
    const pack = this.#openPack();
    const plain = this.#frame.subarray(0, this.#frameLength);
    const { codec, stored } = compressFrame(plain);
    this.#files.write(pack.fd, stored, pack.length);
    pack.frames.push({
      offset: pack.length,
      storedBytes: stored.length,
      plainBytes: plain.length,
      codec,
      digest: hash(stored),
    });
    pack.length += stored.length;
    this.#frameLength = 0;
  }

  #closePack(): void {
    this.#closeFrame();
    const pack = this.#pack;
    if (pack === null) return;
    const tail = encodePackTail(this.#kind, pack.frames, pack.chunks, pack.length);
    this.#files.write(pack.fd, tail.bytes, pack.length);
    this.#files.sync(pack.fd);
    this.#files.rename(anywhere, pack.path, anywhere, packPath(this.#directory, tail.id));
    this.#files.close(pack.fd);
    this.#pack = null;
    syncDirectory(this.#files, this.#directory);
    this.#pending.clear();
    this.#onPack({
      id: tail.id,
      kind: this.#kind,
      frames: pack.frames,
      chunks: pack.chunks,
      fileBytes: pack.length + tail.bytes.length,
    });
  }
}

export function packPath(directory: string, id: PackId): string {
  return `${directory}/${id}.pack`;
}
