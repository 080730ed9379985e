/** Reads one file into the store: whole when small, cut by content when large, holes kept as holes. */
import { cut } from "../chunk/chunker.js";
import { chunkBytesMax, wholeFileBytesMax } from "../limits.js";
import type { ChunkWriter } from "../pack/chunks.js";
import type { Fd, Files, Stat } from "../platform/files.js";
import type { ContentItem } from "../tree/content.js";

/** Read ahead of the cut by at least one chunk of the largest size, so that cuts do not depend on how it was read. */
const windowBytes = 8 * chunkBytesMax;
const scratch = Buffer.allocUnsafe(windowBytes);

/** The segments of a file of which `stat` was just taken. Reads at most `stat.sizeBytes`. */
export function ingestFile(
  files: Files,
  writer: Pick<ChunkWriter, "put">,
  fd: Fd,
  stat: Stat,
  onBytes: (count: number) => void = () => undefined,
): ContentItem[] {
  const size = stat.sizeBytes;
  if (size === 0) return [];
  if (stat.allocatedBytes >= size) {
    return size <= wholeFileBytesMax
      ? ingestWhole(files, writer, fd, size, onBytes)
      : ingestRange(files, writer, fd, 0, size, onBytes);
  }
  const items: ContentItem[] = [];
  for (let at = 0; at < size;) {
    const data = Math.min(size, files.seek(fd, "data", at));
    // The file was cut short meanwhile; the caller sees it by comparing stats.
    if (data < at) break;
    if (data > at) items.push({ kind: "hole", length: data - at });
    const hole = data < size ? Math.min(size, files.seek(fd, "hole", data)) : size;
    if (hole <= data) break;
    if (data === 0 && hole === size && size <= wholeFileBytesMax) {
      return ingestWhole(files, writer, fd, size, onBytes);
    }
    for (const item of ingestRange(files, writer, fd, data, hole, onBytes)) items.push(item);
    at = hole;
  }
  return items;
}

function ingestWhole(
  files: Files,
  writer: Pick<ChunkWriter, "put">,
  fd: Fd,
  size: number,
  onBytes: (count: number) => void,
): ContentItem[] {
  const length = files.read(fd, scratch.subarray(0, size), 0);
  onBytes(length);
  if (length === 0) return [];
  return [{ kind: "chunk", length, id: writer.put("data", scratch.subarray(0, length)) }];
}

function ingestRange(
  files: Files,
  writer: Pick<ChunkWriter, "put">,
  fd: Fd,
  from: number,
  to: number,
  onBytes: (count: number) => void,
): ContentItem[] {
  const items: ContentItem[] = [];
  let position = from;
  let start = 0;
  let end = 0;
  for (;;) {
    if (end - start < chunkBytesMax && position < to) {
      scratch.copyWithin(0, start, end);
      end -= start;
      start = 0;
      const wanted = Math.min(windowBytes - end, to - position);
      const count = files.read(fd, scratch.subarray(end, end + wanted), position);
      onBytes(count);
      // A file that became shorter ends here; the caller sees it by comparing stats.
      if (count < wanted) to = position + count;
      position += count;
      end += count;
    }
    if (start === end) return items;
    const next = cut(scratch, start, end);
    const bytes = scratch.subarray(start, next);
    items.push({ kind: "chunk", length: bytes.length, id: writer.put("data", bytes) });
    start = next;
  }
}
