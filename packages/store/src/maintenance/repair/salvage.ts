/**
 * What can still be read of a damaged pack. Its tables may be wrong or gone and its frames damaged, so everything that is
 * said of it, by itself or by the index, is only a hint where to look: what counts is that an object matches its id.
 */
import { digestKey, hash } from "../../chunk/hash.js";
import { StoreError } from "../../errors.js";
import { objectBytesMax, packBytesMax } from "../../limits.js";
import { guessPackTables, packHeaderBytes, type ChunkEntry } from "../../pack/format.js";
import { codec, declaredBytes, decompressFrame, zstdFrameBytes } from "../../pack/frame.js";
import type { Fd, Files } from "../../platform/files.js";
import { isErrno } from "../../platform/files.js";

/** Where a frame seems to be. */
interface Hint {
  offset: number;
  storedBytes: number;
  plainBytes: number;
  codec: number;
}

/** `known`: what the index says of the pack. `take` is given each object that is whole, once. Returns all that seemed to be there. */
export function salvagePack(
  files: Files,
  fd: Fd,
  known: ChunkEntry[],
  take: (bytes: Buffer) => void,
): ChunkEntry[] {
  const fileBytes = Math.min(files.statOpen(fd).sizeBytes, packBytesMax);
  const readAt = (offset: number, bytes: number): Buffer => readHard(files, fd, offset, bytes);
  const tables = guessPackTables(fileBytes, readAt);
  const chunks = [...(tables?.chunks ?? []), ...known];
  const byFrame = new Map<number, ChunkEntry[]>();
  for (const chunk of chunks) {
    const others = byFrame.get(chunk.frame);
    if (others === undefined) byFrame.set(chunk.frame, [chunk]);
    else others.push(chunk);
  }
  const taken = new Set<string>();
  for (const hints of [tables?.frames ?? [], walkFrames(fileBytes, readAt, known)]) {
    for (const [number, hint] of hints.entries()) {
      const wanted = (byFrame.get(number) ?? []).filter(({ id }) => !taken.has(digestKey(id)));
      const plain = wanted.length === 0 ? null : plainOf(hint, fileBytes, readAt);
      if (plain === null) continue;
      for (const { id, offset, length } of wanted) {
        const bytes = plain.subarray(offset, offset + length);
        if (taken.has(digestKey(id)) || bytes.length !== length || !hash(bytes).equals(id)) continue;
        taken.add(digestKey(id));
        take(bytes);
      }
    }
  }
  return chunks;
}

/** Null when it cannot be unpacked. Its digest is not asked: of a raw frame one damaged object leaves the others whole. */
function plainOf(
  hint: Hint,
  fileBytes: number,
  readAt: (offset: number, bytes: number) => Buffer,
): Buffer | null {
  const isPossible = hint.offset + hint.storedBytes <= fileBytes && hint.plainBytes <= 2 * objectBytesMax;
  if (!isPossible) return null;
  try {
    return decompressFrame(readAt(hint.offset, hint.storedBytes), hint.codec, hint.plainBytes);
  } catch (error) {
    if (error instanceof StoreError && error.code === "corrupt") return null;
    throw error;
  }
}

/**
 * Frames follow one another from the header on. The index says which objects are in each; how long it is, a zstd frame says
 * itself, and a raw one is as long as its objects.
 */
function walkFrames(
  fileBytes: number,
  readAt: (offset: number, bytes: number) => Buffer,
  known: ChunkEntry[],
): Hint[] {
  const ends = new Map<number, number>();
  for (const { frame, offset, length } of known) {
    ends.set(frame, Math.max(ends.get(frame) ?? 0, offset + length));
  }
  const hints: Hint[] = [];
  for (let offset = packHeaderBytes; offset < fileBytes && hints.length < ends.size;) {
    const end = ends.get(hints.length);
    if (end === undefined) break;
    const ahead = readAt(offset, Math.min(fileBytes - offset, end + frameOverheadBytes));
    const storedBytes = zstdFrameBytes(ahead);
    const plainBytes = declaredBytes(ahead);
    const isZstd = storedBytes !== null && plainBytes !== null && plainBytes >= end;
    hints.push(
      isZstd
        ? { offset, storedBytes, plainBytes, codec: codec.zstd }
        : { offset, storedBytes: end, plainBytes: end, codec: codec.raw },
    );
    offset += isZstd ? storedBytes : end;
  }
  return hints;
}

/** A frame that is not smaller than its content is stored raw, so a zstd frame is never longer than that. */
const frameOverheadBytes = 64;

/** A medium may fail once and read the next time, and what is given up here is lost to every later repair. */
const readTries = 3;

/** What cannot be read because of the medium counts as zeros. */
function readHard(files: Files, fd: Fd, offset: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let tries = 1; ; tries++) {
    try {
      files.read(fd, buffer, offset);
      return buffer;
    } catch (error) {
      if (!isErrno(error, "EIO")) throw error;
      if (tries === readTries) return buffer;
    }
  }
}
