/** Writes index segments: rows as they come from a merge, the head last, for it commits to all of them. */
import type { PackId } from "../ids.js";
import { digestBytes, hash } from "../chunk/hash.js";
import { segmentBitsMax, segmentBlockRows } from "../limits.js";
import { createWhole, withDirectory } from "../platform/durable.js";
import type { Fd, Files } from "../platform/files.js";
import { StagedFile } from "../platform/staged-file.js";
import { encodeSegmentHead, segmentHeadBytes, segmentName } from "./segment-format.js";
import { mergeSegments, type Merge } from "./segment-merge.js";
import { rowBytes, rowWords } from "./segment-rows.js";
import type { Segment } from "./segment.js";

/**
 * Makes one segment of several, without the packs in `gone`. Returns its name, which is made from its content; null when
 * nothing is left to write. What it says is durable, its name is not: a power cut that loses it makes the next reader read
 * the packs themselves.
 */
export function writeSegment(
  files: Files,
  directory: string,
  segments: readonly Segment[],
  gone: ReadonlySet<PackId> = new Set(),
): string | null {
  const merge = mergeSegments(segments, gone);
  if (merge.packs.length === 0) return null;
  return withDirectory(files, directory, (opened) =>
    createWhole(files, opened, (fd) => writeMerge(files, fd, merge)),
  );
}

/** The same under a passing name, which it may exchange for `name` once its content is durable. */
export function stageSegment(
  files: Files,
  directory: string,
  segments: readonly Segment[],
  gone: ReadonlySet<PackId>,
): { file: StagedFile; name: string } | null {
  const merge = mergeSegments(segments, gone);
  if (merge.packs.length === 0) return null;
  const file = StagedFile.create(files, directory);
  try {
    return { file, name: writeMerge(files, file.fd, merge) };
  } catch (error) {
    file.discard();
    throw error;
  }
}

function writeMerge(files: Files, fd: Fd, { packs, rowsMax, blocks }: Merge): string {
  const bits = bitsFor(rowsMax);
  const starts = new Uint32Array(2 ** bits + 1);
  const blockDigests = Buffer.alloc(2 ** bits * digestBytes);
  const rowsAt = segmentHeadBytes(packs.length, bits);
  let rows = 0;
  let block = 0;
  for (const words of blocks(bits)) {
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    if (bytes.length > 0) files.write(fd, bytes, rowsAt + rows * rowBytes);
    hash(bytes).copy(blockDigests, block * digestBytes);
    rows += words.length / rowWords;
    block += 1;
    starts[block] = rows;
  }
  const head = encodeSegmentHead({ packs, bits, starts, blockDigests });
  files.write(fd, head, 0);
  return segmentName(head);
}

function bitsFor(rows: number): number {
  return Math.min(segmentBitsMax, Math.max(0, Math.floor(Math.log2(rows / segmentBlockRows))));
}
