/** Reads packs: contents on demand, frames verified against their digest, chunks against their id. */
import { StoreError } from "../errors.js";
import type { PackId } from "../ids.js";
import { hash, type Digest } from "../chunk/hash.js";
import { anywhere, isErrno, type Fd, type Files } from "../platform/files.js";
import {
  decodePackTail,
  decodePackTrailer,
  packHeaderBytes,
  packTrailerBytes,
  type FrameEntry,
  type PackContents,
} from "./format.js";
import { decompressFrame } from "./frame.js";
import { packPath } from "./writer.js";

/** Packs kept open at once, and plain frames kept for neighbours of a chunk just read. */
const openPacksMax = 64;
const cachedFramesMax = 32;

/** Reads and checks the contents of an open pack. */
export function readPackContents(files: Files, fd: Fd, expected: PackId): PackContents {
  const fileBytes = files.statOpen(fd).sizeBytes;
  if (fileBytes < packHeaderBytes + packTrailerBytes) {
    throw new StoreError("corrupt", `pack ${expected} is cut short`);
  }
  const header = Buffer.alloc(packHeaderBytes);
  const trailer = Buffer.alloc(packTrailerBytes);
  files.read(fd, header, 0);
  files.read(fd, trailer, fileBytes - packTrailerBytes);
  const { contentsOffset, contentsBytes } = decodePackTrailer(trailer, fileBytes);
  const tail = Buffer.alloc(contentsBytes + packTrailerBytes);
  files.read(fd, tail, contentsOffset);
  const contents = decodePackTail(header, tail, fileBytes);
  if (contents.id !== expected) {
    throw new StoreError("corrupt", `pack ${expected} holds the contents of pack ${contents.id}`);
  }
  return contents;
}

/** The bytes of a frame as they are in the pack, verified. */
export function readStoredFrame(files: Files, fd: Fd, frame: FrameEntry): Buffer {
  const stored = Buffer.allocUnsafe(frame.storedBytes);
  if (files.read(fd, stored, frame.offset) !== stored.length) {
    throw new StoreError("corrupt", "pack ends within a frame");
  }
  if (!hash(stored).equals(frame.digest)) throw new StoreError("corrupt", "frame does not match its digest");
  return stored;
}

/** The plain bytes of a frame, verified. */
export function readFrame(files: Files, fd: Fd, frame: FrameEntry): Buffer {
  return decompressFrame(readStoredFrame(files, fd, frame), frame.codec, frame.plainBytes);
}

interface OpenedPack {
  fd: Fd;
  frames: FrameEntry[];
}

export class PackReader {
  readonly #files: Files;
  readonly #directory: string;
  readonly #packs = new Map<PackId, OpenedPack>();
  readonly #frames = new Map<string, Buffer>();

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /** The verified bytes of a chunk; a view that the caller must not change. Null when the pack is gone. */
  read(id: Digest, location: { pack: PackId; frame: number; offset: number; length: number }): Buffer | null {
    const pack = this.#open(location.pack);
    if (pack === null) return null;
    const key = `${location.pack}:${location.frame}`;
    let plain = this.#frames.get(key);
    if (plain === undefined) {
      const frame = pack.frames[location.frame];
      if (frame === undefined) throw new StoreError("corrupt", "index names a frame that the pack lacks");
      plain = readFrame(this.#files, pack.fd, frame);
      this.#frames.set(key, plain);
      forgetOldest(this.#frames, cachedFramesMax);
    }
    const bytes = plain.subarray(location.offset, location.offset + location.length);
    if (bytes.length !== location.length || !hash(bytes).equals(id)) {
      throw new StoreError("corrupt", `chunk ${id.toString("hex")} does not match its id`);
    }
    return bytes;
  }

  /** Forgets the packs that are not to be read any more; as long as one is open, its bytes on disk are not free. */
  retain(isKept: (pack: PackId) => boolean): void {
    for (const [id, pack] of this.#packs) {
      if (isKept(id)) continue;
      this.#packs.delete(id);
      this.#files.close(pack.fd);
    }
  }

  /** Idempotent. */
  close(): void {
    for (const pack of this.#packs.values()) this.#files.close(pack.fd);
    this.#packs.clear();
    this.#frames.clear();
  }

  #open(id: PackId): OpenedPack | null {
    const known = this.#packs.get(id);
    if (known !== undefined) return known;
    let fd: Fd;
    try {
      fd = this.#files.open(anywhere, packPath(this.#directory, id));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return null;
      throw error;
    }
    try {
      const opened = { fd, frames: readPackContents(this.#files, fd, id).frames };
      this.#packs.set(id, opened);
      forgetOldest(this.#packs, openPacksMax, (pack) => this.#files.close(pack.fd));
      return opened;
    } catch (error) {
      this.#files.close(fd);
      throw error;
    }
  }
}

function forgetOldest<Value>(
  map: Map<string, Value>,
  sizeMax: number,
  dispose?: (value: Value) => void,
): void {
  if (map.size <= sizeMax) return;
  const [key, value] = map.entries().next().value as [string, Value];
  map.delete(key);
  dispose?.(value);
}
