import { readFileSync } from "node:fs";
import type { PackId } from "../../src/ids.js";
import { hash } from "../../src/chunk/hash.js";
import type { ChunkEntry, PackKind } from "../../src/pack/format.js";
import { writeSegment } from "../../src/pack/segment-file.js";
import { Segment } from "../../src/pack/segment.js";
import type { WrittenPack } from "../../src/pack/writer.js";
import { linuxFiles } from "../../src/platform/linux.js";

/** A pack as its writer would tell of it, without the file. */
export function toldPack(
  name: string,
  chunks: ChunkEntry[],
  {
    kind = "data",
    frameCount,
    fileBytes = 2 ** 28,
  }: { kind?: PackKind; frameCount?: number; fileBytes?: number } = {},
): WrittenPack {
  const count = frameCount ?? chunks.reduce((most, { frame }) => Math.max(most, frame + 1), 0);
  const frame = { offset: 0, storedBytes: 0, plainBytes: 0, codec: 0, digest: hash(Buffer.alloc(0)) };
  return {
    id: hash(Buffer.from(name)).toString("hex") as PackId,
    kind,
    chunks,
    frames: Array.from({ length: count }, () => frame),
    fileBytes,
  };
}

/** The path of a segment of these packs. */
export function segmentFile(directory: string, packs: WrittenPack[]): string {
  const name = writeSegment(
    linuxFiles,
    directory,
    packs.map((pack) => Segment.ofPack(pack)),
  );
  if (name === null) throw new Error("there was nothing to write");
  return `${directory}/${name}`;
}

export function segmentBytes(directory: string, packs: WrittenPack[]): Buffer {
  return readFileSync(segmentFile(directory, packs));
}
