/**
 * What a collection does, decided without touching anything. The unit is the frame: one that nothing needs goes, one that
 * anything needs moves as it is, so that what comes back can be foretold to the byte.
 */
import { allocationBytes, deadShareMax, packBytesTarget, thinShareMax } from "../limits.js";
import { packHeaderBytes, packOverheadBytes, type PackKind } from "../pack/format.js";
import type { FrameState, PackState } from "./packs.js";

export interface CollectionPlan {
  /** Packs of which nothing is needed. */
  deleted: PackState[];
  /** Packs that are replaced by what is needed of them. */
  rewritten: PackState[];
  /** Allocated bytes that come back. Exact unless frames are thinned out, whose new size only compression tells. */
  freedBytes: number;
}

/** `thin`: also chunk by chunk, where a frame is mostly dead. */
export function planCollection(states: PackState[], { thin }: { thin: boolean }): CollectionPlan {
  const deleted: PackState[] = [];
  const rewritten: PackState[] = [];
  for (const state of states) {
    const { frames, pack } = state;
    if (frames === null) continue;
    const reclaimable = frames.reduce((total, frame) => total + reclaimableBytes(frame, thin), 0);
    if (frames.every(isDead)) deleted.push(state);
    else if (reclaimable > deadShareMax * pack.fileBytes) rewritten.push(state);
  }
  const gone = [...deleted, ...rewritten].reduce((total, { allocatedBytes }) => total + allocatedBytes, 0);
  return { deleted, rewritten, freedBytes: gone - rewrittenBytes(rewritten, thin) };
}

export function isDead({ neededPlainBytes }: FrameState): boolean {
  return neededPlainBytes === 0;
}

/** Worth being compressed anew without what is dead in it. */
export function isThin({ frame, neededPlainBytes }: FrameState): boolean {
  return neededPlainBytes > 0 && neededPlainBytes < thinShareMax * frame.plainBytes;
}

/** Bytes in the pack that nothing needs, a frame that is needed in part taken in proportion. */
export function deadBytes(state: FrameState): number {
  const { frame, neededPlainBytes } = state;
  if (isDead(state)) return frame.storedBytes;
  return Math.floor(frame.storedBytes * (1 - neededPlainBytes / frame.plainBytes));
}

function reclaimableBytes(state: FrameState, thin: boolean): number {
  if (isDead(state)) return state.frame.storedBytes;
  return thin && isThin(state) ? deadBytes(state) : 0;
}

/** Allocated bytes of the packs that replace these: filled one after the other, as `PackWriter` does. */
function rewrittenBytes(states: PackState[], thin: boolean): number {
  const kinds: PackKind[] = ["data", "tree"];
  return kinds.reduce((total, kind) => {
    const kept = states
      .filter(({ pack }) => pack.kind === kind)
      .flatMap(({ frames }) => (frames ?? []).filter((frame) => !isDead(frame)));
    return total + packedBytes(kept, thin);
  }, 0);
}

function packedBytes(frames: FrameState[], thin: boolean): number {
  let total = 0;
  let open = { stored: 0, frames: 0, chunks: 0 };
  const close = (): void => {
    if (open.frames === 0) return;
    total += allocated(open.stored + packOverheadBytes(open.frames, open.chunks));
    open = { stored: 0, frames: 0, chunks: 0 };
  };
  for (const state of frames) {
    const { frame, chunks } = state;
    open.stored += frame.storedBytes - (thin && isThin(state) ? deadBytes(state) : 0);
    open.frames += 1;
    open.chunks += chunks.length;
    if (packHeaderBytes + open.stored >= packBytesTarget) close();
  }
  close();
  return total;
}

function allocated(fileBytes: number): number {
  return Math.ceil(fileBytes / allocationBytes) * allocationBytes;
}
