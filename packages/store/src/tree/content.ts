/**
 * File content as a list of segments: chunks and holes. A file of one chunk names it directly; longer lists are stored
 * as nodes that end at places the chunk ids decide, so that an insertion changes few of them.
 *
 *     list      magic "CHSRLIST", version u8 1, item count, items
 *     item      kind u8: 0 hole, 1 chunk, 2 list; length; for chunk and list: id (32)
 */
import { ByteReader, ByteWriter } from "../bytes.js";
import { digestBytes, type Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { chunkBytesMax, listDepthMax, listItemsMax, listSplitBits } from "../limits.js";
import type { ChunkWriter, ObjectSource } from "../pack/chunks.js";
import type { FileContent } from "./entry.js";

export type ContentItem =
  | { kind: "hole"; length: number }
  | { kind: "chunk"; length: number; id: Digest }
  | { kind: "list"; length: number; id: Digest };

const kinds = ["hole", "chunk", "list"] as const;
const magic = "CHSRLIST";
const splitMask = (1 << listSplitBits) - 1;

export function encodeList(items: ContentItem[]): Buffer {
  const out = new ByteWriter(items.length * 40 + 16);
  out.bytes(Buffer.from(magic, "latin1"));
  out.u8(1);
  out.varint(items.length);
  for (const item of items) {
    out.u8(kinds.indexOf(item.kind));
    out.varint(item.length);
    if (item.kind !== "hole") out.bytes(item.id);
  }
  return out.finish();
}

export function decodeList(bytes: Buffer): ContentItem[] {
  const input = new ByteReader(bytes, "chunk list");
  input.magic(magic);
  if (input.u8() !== 1) input.fail("version is not known");
  const count = input.varint();
  if (count === 0 || count > listItemsMax) input.fail(`${count} items`);
  const items: ContentItem[] = [];
  for (let n = 0; n < count; n++) {
    const kind = kinds[input.u8()] ?? input.fail("item kind is unknown");
    const length = input.varint();
    if (length === 0) input.fail("item of length zero");
    if (kind === "hole") items.push({ kind, length });
    else if (kind === "chunk" && length > chunkBytesMax) input.fail("chunk is too long");
    else items.push({ kind, length, id: input.bytes(digestBytes) });
  }
  input.end();
  return items;
}

/** Stores the list of a file and gives what its entry says. */
export function writeContent(writer: Pick<ChunkWriter, "put">, segments: ContentItem[]): FileContent | null {
  const [only] = segments;
  if (only === undefined) return null;
  if (segments.length === 1 && only.kind === "chunk") return { depth: 0, id: only.id };
  let level = segments;
  for (let depth = 1; ; depth++) {
    if (depth > listDepthMax) throw new StoreError("too_large", "file has too many chunks");
    const lists = groups(level).map((items): ContentItem => ({
      kind: "list",
      length: items.reduce((total, item) => total + item.length, 0),
      id: writer.put("tree", encodeList(items)),
    }));
    const [root] = lists;
    if (lists.length === 1 && root?.kind === "list") return { depth, id: root.id };
    level = lists;
  }
}

function groups(items: ContentItem[]): ContentItem[][] {
  const result: ContentItem[][] = [];
  let group: ContentItem[] = [];
  for (const item of items) {
    group.push(item);
    if (endsList(item, group.length)) {
      result.push(group);
      group = [];
    }
  }
  if (group.length > 0) result.push(group);
  return result;
}

/** True when a list ends after an item, its `number`th from 1. Two items at least, so that each level is at most half as long as the one below. */
function endsList(item: ContentItem, number: number): boolean {
  if (number === listItemsMax) return true;
  return number >= 2 && item.kind !== "hole" && (item.id.readUInt32LE(digestBytes - 4) & splitMask) === 0;
}

/** True when a list ends where it should. `isLast`: nothing follows it on its level. */
export function isCutRight(items: ContentItem[], isLast: boolean): boolean {
  const ends = items.findIndex((item, n) => endsList(item, n + 1));
  return ends === items.length - 1 || (ends === -1 && isLast);
}

type Segment = Exclude<ContentItem, { kind: "list" }>;

/** The segments of a file in order, holes and chunks only. `onList` is told of each list node. */
export function* readContent(
  source: ObjectSource,
  content: FileContent | null,
  sizeBytes: number,
  onList?: (id: Digest) => void,
): Generator<Segment> {
  if (content === null) return;
  if (content.depth === 0) {
    yield { kind: "chunk", length: sizeBytes, id: content.id };
    return;
  }
  yield* readList(source, content.id, content.depth, sizeBytes, { onList });
}

/** The segments that hold bytes from `from` up to `to`, each with its place in the file. Lists that hold none are not read. */
export function* readContentRange(
  source: ObjectSource,
  { content, sizeBytes }: { content: FileContent | null; sizeBytes: number },
  from: number,
  to: number,
): Generator<{ at: number; segment: Segment }> {
  if (content === null) return;
  let at = 0;
  const isOutside = (length: number): boolean => at >= to || at + length <= from;
  const segments =
    content.depth === 0
      ? readContent(source, content, sizeBytes)
      : readList(source, content.id, content.depth, sizeBytes, { isOutside });
  for (const segment of segments) {
    if (at >= to) return;
    if (!isOutside(segment.length)) yield { at, segment };
    at += segment.length;
  }
}

interface ListReading {
  onList?: ((id: Digest) => void) | undefined;
  /** True for a list of so many bytes, next after what was given so far, that is not wanted: a hole stands for it. */
  isOutside?: (length: number) => boolean;
}

function* readList(
  source: ObjectSource,
  id: Digest,
  depth: number,
  expectedBytes: number,
  reading: ListReading,
): Generator<Segment> {
  reading.onList?.(id);
  const items = decodeList(source.get(id));
  const total = items.reduce((sum, item) => sum + item.length, 0);
  if (total !== expectedBytes) throw new StoreError("corrupt", "chunk list has the wrong length");
  for (const item of items) {
    if (item.kind !== "list") {
      if (depth !== 1) throw new StoreError("corrupt", "chunk list names a chunk above its lowest level");
      yield item;
      continue;
    }
    if (depth === 1) throw new StoreError("corrupt", "chunk list is deeper than it says");
    if (reading.isOutside?.(item.length) === true) yield { kind: "hole", length: item.length };
    else yield* readList(source, item.id, depth - 1, item.length, reading);
  }
}
