/** Reads packs: contents on demand, frames verified against their digest, chunks against their id. */
import { StoreError } from "../errors.js";
import type { PackId } from "../ids.js";
import { chunkBytesMax, frameBytesTarget } from "../limits.js";
import { hash, type Digest } from "../chunk/hash.js";
import { anywhere, isErrno, type Fd, type Files } from "../platform/files.js";
import {
  decodePackEnds,
  decodePackFrames,
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
const frameRoomBytes = Math.max(frameBytesTarget, chunkBytesMax);

/** Reads and checks the contents of an open pack. The digests are views of `room` where that is large enough. */
export function readPackContents(files: Files, fd: Fd, expected: PackId, room?: Buffer): PackContents {
  return readEnds(files, fd, expected, decodePackEnds, room);
}

/** Header, contents and trailer of an open pack, decoded. */
function readEnds<Contents extends { id: PackId }>(
  files: Files,
  fd: Fd,
  expected: PackId,
  decode: (ends: Buffer, fileBytes: number) => Contents,
  room?: Buffer,
): Contents {
  const fileBytes = files.statOpen(fd).sizeBytes;
  if (fileBytes < packHeaderBytes + packTrailerBytes) {
    throw new StoreError("corrupt", `pack ${expected} is cut short`);
  }
  const trailer = Buffer.alloc(packTrailerBytes);
  files.read(fd, trailer, fileBytes - packTrailerBytes);
  const { contentsOffset, contentsBytes } = decodePackTrailer(trailer, fileBytes);
  const endsBytes = packHeaderBytes + contentsBytes + packTrailerBytes;
  const ends =
    room !== undefined && endsBytes <= room.length ? room.subarray(0, endsBytes) : Buffer.alloc(endsBytes);
  files.read(fd, ends.subarray(0, packHeaderBytes), 0);
  files.read(fd, ends.subarray(packHeaderBytes), contentsOffset);
  const contents = decode(ends, fileBytes);
  if (contents.id !== expected) {
    throw new StoreError("corrupt", `pack ${expected} holds the contents of pack ${contents.id}`);
  }
  return contents;
}

/** Frames as they are stored; used by one call at a time. */
const storedScratch = Buffer.allocUnsafe(2 * frameBytesTarget);

/** The bytes of a frame as they are in the pack, verified; a view of `room` where that is large enough. */
export function readStoredFrame(files: Files, fd: Fd, frame: FrameEntry, room?: Buffer): Buffer {
  const { storedBytes } = frame;
  const stored =
    room !== undefined && storedBytes <= room.length
      ? room.subarray(0, storedBytes)
      : Buffer.allocUnsafe(storedBytes);
  files.read(fd, stored, frame.offset);
  if (!hash(stored).equals(frame.digest)) throw new StoreError("corrupt", "frame does not match its digest");
  return stored;
}

/** The plain bytes of a frame, verified; a view of `room` where that is large enough. */
export function readFrame(files: Files, fd: Fd, frame: FrameEntry, room?: Buffer): Buffer {
  const stored = readStoredFrame(files, fd, frame, storedScratch);
  return decompressFrame(stored, frame.codec, frame.plainBytes, room);
}

interface OpenedPack {
  fd: Fd;
  frames: FrameEntry[];
}

interface CachedFrame {
  plain: Buffer;
  /** Memory that serves for another frame when this one is forgotten, which spares the collector of garbage much work. */
  room: Buffer | null;
}

/** What a caller does with bytes: keeps them, or views of them, or has done with them before it asks for more. */
export type ObjectUse = "keep" | "once";

export class PackReader {
  readonly #files: Files;
  readonly #directory: string;
  readonly #packs = new Map<PackId, OpenedPack>();
  readonly #frames = new Map<FrameEntry, CachedFrame>();
  /** Of the frame that was forgotten last. */
  #spareRoom: Buffer | null = null;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /**
   * The verified bytes of a chunk, not to be changed; used "once", they hold only until the next call. Null when the pack is
   * gone.
   */
  read(
    id: Digest,
    location: { pack: PackId; frame: number; offset: number; length: number },
    use: ObjectUse = "keep",
  ): Buffer | null {
    const pack = this.#open(location.pack);
    if (pack === null) return null;
    const frame = this.#frame(pack, location.frame);
    const bytes = frame.plain.subarray(location.offset, location.offset + location.length);
    if (bytes.length !== location.length || !hash(bytes).equals(id)) {
      throw new StoreError("corrupt", `chunk ${id.toString("hex")} does not match its id`);
    }
    return use === "keep" && frame.room !== null ? Buffer.from(bytes) : bytes;
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
    this.#spareRoom = null;
  }

  #frame({ fd, frames }: OpenedPack, number: number): CachedFrame {
    const entry = frames[number];
    if (entry === undefined) throw new StoreError("corrupt", "index names a frame that the pack lacks");
    const cached = this.#frames.get(entry);
    if (cached !== undefined) return cached;
    const room = entry.plainBytes <= frameRoomBytes ? this.#takeRoom() : null;
    const frame = { room, plain: readFrame(this.#files, fd, entry, room ?? undefined) };
    this.#frames.set(entry, frame);
    forgetOldest(this.#frames, cachedFramesMax, (forgotten) => (this.#spareRoom ??= forgotten.room));
    return frame;
  }

  #takeRoom(): Buffer {
    const room = this.#spareRoom ?? Buffer.allocUnsafeSlow(frameRoomBytes);
    this.#spareRoom = null;
    return room;
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
      const { frames } = readEnds(this.#files, fd, id, decodePackFrames);
      const opened = { fd, frames };
      this.#packs.set(id, opened);
      forgetOldest(this.#packs, openPacksMax, (pack) => this.#files.close(pack.fd));
      return opened;
    } catch (error) {
      this.#files.close(fd);
      throw error;
    }
  }
}

function forgetOldest<Key, Value>(
  map: Map<Key, Value>,
  sizeMax: number,
  dispose: (value: Value) => void,
): void {
  if (map.size <= sizeMax) return;
  const [key, value] = map.entries().next().value as [Key, Value];
  map.delete(key);
  dispose(value);
}
