/** Checks packs: what their contents say, and with `readData` every frame and every object. */
import type { PackId } from "../../ids.js";
import { DigestLengths } from "../../chunk/digest-lengths.js";
import { hash } from "../../chunk/hash.js";
import type { ChunkEntry } from "../../pack/format.js";
import { packsIn } from "../../pack/index.js";
import { readFrame, readPackContents } from "../../pack/reader.js";
import { packPath, type WrittenPack } from "../../pack/writer.js";
import { anywhere, isErrno, type Fd } from "../../platform/files.js";
import type { Repository } from "../../snapshot/repository.js";
import type { Work } from "../../snapshot/work.js";
import { isDamage, type Findings } from "./findings.js";

export interface PackSurvey {
  packs: Set<PackId>;
  /** Of these something cannot be read, or is not what it should be. */
  damaged: Set<PackId>;
  /** Bytes of every object that stands in some pack, and with `readData` is whole there. */
  present: DigestLengths;
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
  const survey: PackSurvey = { packs, damaged: new Set(), present: new DigestLengths(), checkedChunks: 0 };
  for (const id of packs) {
    work.step();
    const object = `packs/${id}.pack`;
    const sound = findings.guard("pack_damaged", object, () => {
      const fd = openPack(repository, id);
      // Collected meanwhile.
      if (fd === null) return;
      try {
        const pack = { ...readPackContents(files, fd, id), fileBytes: files.statOpen(fd).sizeBytes };
        onContents(pack);
        if (!readData) {
          survey.checkedChunks += pack.chunks.length;
          for (const chunk of pack.chunks) survey.present.set(chunk.id, chunk.length);
        } else if (!readObjects(repository, work, fd, pack, findings, survey)) survey.damaged.add(id);
      } finally {
        files.close(fd);
      }
    });
    if (!sound) survey.damaged.add(id);
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

/** True when all frames and objects of the pack are what their digests say. */
function readObjects(
  { files }: Repository,
  work: Work,
  fd: Fd,
  pack: WrittenPack,
  findings: Findings,
  survey: PackSurvey,
): boolean {
  const object = `packs/${pack.id}.pack`;
  let whole = true;
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
      whole = false;
      continue;
    }
    for (const { id, offset, length } of byFrame.get(number) ?? []) {
      survey.checkedChunks += 1;
      work.addBytes(length);
      if (hash(plain.subarray(offset, offset + length)).equals(id)) {
        survey.present.set(id, length);
        continue;
      }
      whole = false;
      findings.add("chunk_damaged", object, `chunk ${id.toString("hex")} has other content`);
    }
  }
  return whole;
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
