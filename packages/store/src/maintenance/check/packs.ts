/** Checks packs: what their contents say, and with `readData` every frame and every object. */
import type { PackId } from "../../ids.js";
import { DigestSet } from "../../chunk/digest-set.js";
import { hash } from "../../chunk/hash.js";
import type { ChunkEntry } from "../../pack/format.js";
import { packsIn } from "../../pack/index.js";
import { readFrame, readPackContents } from "../../pack/reader.js";
import { packPath, type WrittenPack } from "../../pack/writer.js";
import { anywhere, isErrno, type Fd } from "../../platform/files.js";
import type { Repository } from "../../snapshot/repository.js";
import type { Work } from "../../snapshot/work.js";
import { isDamage, type Findings } from "./findings.js";

/** The tables of most packs: up to some 90,000 objects. Larger ones have memory of their own. */
const contentsBytesOrdinary = 4 * 1024 * 1024;

export interface PackSurvey {
  packs: Set<PackId>;
  /** Those that are not what they should be, each with its objects that are not whole; null where its contents cannot be read. */
  damaged: Map<PackId, DigestSet | null>;
  checkedChunks: number;
}

/** `onContents` is told of each pack whose contents can be read. */
export function surveyPacks(
  repository: Repository,
  work: Work,
  readData: boolean,
  findings: Findings,
  onContents: (pack: WrittenPack) => void,
): PackSurvey {
  const { files, layout } = repository;
  const packs = new Set(packsIn(files, layout.packs));
  // Of each pack what is read is used up before the next one is.
  const room = Buffer.allocUnsafeSlow(contentsBytesOrdinary);
  const survey: PackSurvey = { packs, damaged: new Map(), checkedChunks: 0 };
  for (const id of packs) {
    work.step();
    const object = `packs/${id}.pack`;
    const sound = findings.guard("pack_damaged", object, () => {
      const fd = openPack(repository, id);
      if (fd === null) {
        packs.delete(id);
        return;
      }
      try {
        const pack = { ...readPackContents(files, fd, id, room), fileBytes: files.statOpen(fd).sizeBytes };
        onContents(pack);
        survey.checkedChunks += pack.chunks.length;
        const lost = readData ? lostObjects(repository, work, fd, pack, findings) : null;
        if (lost !== null) survey.damaged.set(id, lost);
      } finally {
        files.close(fd);
      }
    });
    if (!sound) survey.damaged.set(id, null);
  }
  return survey;
}

function openPack({ files, layout }: Repository, id: PackId): Fd | null {
  try {
    return files.open(anywhere, packPath(layout.packs, id));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/** Null when all frames and objects of the pack are what their digests say. */
function lostObjects(
  { files }: Repository,
  work: Work,
  fd: Fd,
  pack: WrittenPack,
  findings: Findings,
): DigestSet | null {
  const object = `packs/${pack.id}.pack`;
  const lost = new DigestSet();
  let isWhole = true;
  const byFrame = new Map<number, ChunkEntry[]>();
  for (const chunk of pack.chunks) {
    const chunks = byFrame.get(chunk.frame);
    if (chunks === undefined) byFrame.set(chunk.frame, [chunk]);
    else chunks.push(chunk);
  }
  for (const [number, frame] of pack.frames.entries()) {
    work.step();
    const plain = readOrReason(() => readFrame(files, fd, frame));
    if (!Buffer.isBuffer(plain)) {
      findings.add("frame_damaged", object, `frame ${number}: ${plain}`);
      for (const { id } of byFrame.get(number) ?? []) lost.add(id);
      isWhole = false;
      continue;
    }
    for (const { id, offset, length } of byFrame.get(number) ?? []) {
      work.addBytes(length);
      if (hash(plain.subarray(offset, offset + length)).equals(id)) continue;
      lost.add(id);
      isWhole = false;
      findings.add("chunk_damaged", object, `chunk ${id.toString("hex")} has other content`);
    }
  }
  return isWhole ? null : lost;
}

/** What is wrong, when it cannot be read. */
function readOrReason(read: () => Buffer): Buffer | string {
  try {
    return read();
  } catch (error) {
    if (!isDamage(error)) throw error;
    return error.message;
  }
}
