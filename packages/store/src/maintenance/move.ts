/** Writes what is needed of packs that are to go into new ones: frames as they are, and thin ones chunk by chunk. */
import { PackWriter, packPath, type WrittenPack } from "../pack/writer.js";
import { readFrame, readStoredFrame } from "../pack/reader.js";
import { anywhere, type Fd, type Files } from "../platform/files.js";
import type { Repository } from "../snapshot/repository.js";
import type { Work } from "../snapshot/work.js";
import type { FrameState } from "./packs.js";
import { isDead, isThin, type RewrittenPack } from "./plan.js";

export interface MovedPack {
  pack: WrittenPack;
  allocatedBytes: number;
  /** False when an earlier, interrupted collection had written the very same pack. */
  isNew: boolean;
}

/** The new packs are durable, and no index names them yet. */
export function moveNeeded(
  repository: Repository,
  packs: RewrittenPack[],
  { thin }: { thin: boolean },
  work: Work,
): MovedPack[] {
  const { files, layout, chunks } = repository;
  const known = new Set(chunks.index.packs().map(({ id }) => id));
  const moved: MovedPack[] = [];
  const onPack = (pack: WrittenPack): void => {
    const { allocatedBytes } = files.stat(anywhere, packPath(layout.packs, pack.id));
    moved.push({ pack, allocatedBytes, isNew: !known.has(pack.id) });
  };
  for (const kind of ["data", "tree"] as const) {
    const writer = new PackWriter(files, layout.packs, kind, chunks.compression, onPack);
    try {
      for (const { state, frames } of packs) {
        if (state.pack.kind !== kind) continue;
        withFile(files, packPath(layout.packs, state.pack.id), (fd) => {
          for (const frame of frames.filter((frame) => !isDead(frame))) {
            work.step();
            if (thin && isThin(frame)) addNeeded(files, fd, frame, writer);
            else writer.addFrame(frame.frame, readStoredFrame(files, fd, frame.frame), frame.chunks);
          }
        });
      }
      writer.finish();
    } finally {
      writer.abort();
    }
  }
  return moved;
}

function addNeeded(files: Files, fd: Fd, { frame, needed }: FrameState, writer: PackWriter): void {
  const plain = readFrame(files, fd, frame);
  for (const { id, offset, length } of needed) writer.add(id, plain.subarray(offset, offset + length));
}

/** Nobody else deletes packs while there is a collection, so it is there. */
function withFile(files: Files, path: string, run: (fd: Fd) => void): void {
  const fd = files.open(anywhere, path);
  try {
    run(fd);
  } finally {
    files.close(fd);
  }
}
