import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { hash } from "../../src/chunk/hash.js";
import { CompressionPool } from "../../src/pack/compress.js";
import type { PackKind } from "../../src/pack/format.js";
import { readFrame, readPackContents } from "../../src/pack/reader.js";
import { packPath, PackWriter, type WrittenPack } from "../../src/pack/writer.js";
import { anywhere } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";

/** Shared by the writers of a test, as those of a store share one. */
export const compression = new CompressionPool();

export interface MadePack {
  pack: WrittenPack;
  path: string;
  bytes: Buffer;
}

/** Writes one pack with these chunks into a directory. */
export function makePack(directory: string, contents: Buffer[], kind: PackKind = "data"): MadePack {
  const packs: WrittenPack[] = [];
  const writer = new PackWriter(linuxFiles, directory, kind, compression, (pack) => packs.push(pack));
  for (const content of contents) writer.add(hash(content), content);
  writer.finish();
  const [pack] = packs;
  if (pack === undefined || packs.length > 1) throw new Error(`${packs.length} packs were written`);
  const path = packPath(directory, pack.id);
  return { pack, path, bytes: readFileSync(path) };
}

/** Runs while some bits of one byte of a file are turned over, in place: rewriting it whole would cost a flush. */
export function withFlip(path: string, at: number, bits: number, run: () => void): void {
  const fd = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  try {
    writeSync(fd, Buffer.from([(byte[0] as number) ^ bits]), 0, 1, at);
    run();
  } finally {
    writeSync(fd, byte, 0, 1, at);
    closeSync(fd);
  }
}

/** Everything a pack file says, fully verified: each chunk's bytes by its id in hexadecimal. */
export function readWholePack({ pack, path }: MadePack): Map<string, Buffer> {
  const fd = linuxFiles.open(anywhere, path);
  try {
    const contents = readPackContents(linuxFiles, fd, pack.id);
    const frames = contents.frames.map((frame) => readFrame(linuxFiles, fd, frame));
    return new Map(
      contents.chunks.map((chunk) => {
        const frame = frames[chunk.frame] as Buffer;
        return [chunk.id.toString("hex"), frame.subarray(chunk.offset, chunk.offset + chunk.length)];
      }),
    );
  } finally {
    linuxFiles.close(fd);
  }
}
