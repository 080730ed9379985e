/**
 * What a collection does, decided without touching anything. The unit is the frame: one that nothing needs goes, one that
 * anything needs moves as it is, so that what comes back can be foretold to the byte.
 */
import { allocationBytes, deadShareMax, thinShareMax } from "../limits.js";
import { isFullPack, packOverheadBytes, type PackKind } from "../pack/format.js";
import type { FrameState, PackState } from "./packs.js";

/** What a plan asks of a frame. */
export type PlannedFrame = Pick<FrameState, "frame" | "chunks" | "neededPlainBytes">;

export interface RewrittenPack<Frame = FrameState> {
  state: PackState;
  frames: Frame[];
}

export interface CollectionPlan<Frame = FrameState> {
  /** Packs of which nothing is needed. */
  deleted: PackState[];
  /** Packs that are replaced by what is needed of them. */
  rewritten: RewrittenPack<Frame>[];
}

/** `framesOf` is asked of few packs. `thin`: also chunk by chunk, where a frame is mostly dead. */
export function planCollection<Frame extends PlannedFrame>(
  states: PackState[],
  framesOf: (state: PackState) => Frame[],
  { thin }: { thin: boolean },
): CollectionPlan<Frame> {
  const deleted = states.filter(({ neededObjects }) => neededObjects === 0);
  const rewritten: RewrittenPack<Frame>[] = [];
  for (const state of states) {
    if (state.neededObjects === 0 || !mayBeWorthIt(state)) continue;
    const frames = framesOf(state);
    const reclaimable = frames.reduce((total, frame) => total + reclaimableBytes(frame, thin), 0);
    if (reclaimable > deadShareMax * state.pack.fileBytes) rewritten.push({ state, frames });
  }
  return { deleted, rewritten };
}

/** A frame takes no more than its plain bytes, and each of them may hold what the index names elsewhere. */
function mayBeWorthIt({ pack, plainBytes, neededPlainBytes, neededObjects }: PackState): boolean {
  if (neededObjects === pack.chunkCount) return false;
  return plainBytes - neededPlainBytes > deadShareMax * pack.fileBytes;
}

/**
 * Allocated bytes that come back. Exact unless frames are thinned out, whose new size only compression tells.
 * `allocatedBytesOf` says what a pack takes now.
 */
export function freedBytesOf(
  { deleted, rewritten }: CollectionPlan<PlannedFrame>,
  allocatedBytesOf: (state: PackState) => number,
  { thin }: { thin: boolean },
): number {
  const gone = [...deleted, ...rewritten.map(({ state }) => state)];
  const before = gone.reduce((total, state) => total + allocatedBytesOf(state), 0);
  const kinds: PackKind[] = ["data", "tree"];
  return kinds.reduce((total, kind) => {
    const kept = rewritten
      .filter(({ state }) => state.pack.kind === kind)
      .flatMap(({ frames }) => frames.filter((frame) => !isDead(frame)));
    return total - packedBytes(kept, thin);
  }, before);
}

export function isDead({ neededPlainBytes }: PlannedFrame): boolean {
  return neededPlainBytes === 0;
}

/** Worth being compressed anew without what is dead in it. */
export function isThin({ frame, neededPlainBytes }: PlannedFrame): boolean {
  return neededPlainBytes > 0 && neededPlainBytes < thinShareMax * frame.plainBytes;
}

function reclaimableBytes(state: PlannedFrame, thin: boolean): number {
  if (isDead(state)) return state.frame.storedBytes;
  return thin && isThin(state) ? deadBytes(state) : 0;
}

/** Of a frame that is needed in part, in proportion. */
function deadBytes({ frame, neededPlainBytes }: PlannedFrame): number {
  return Math.floor(frame.storedBytes * (1 - neededPlainBytes / frame.plainBytes));
}

/** Allocated bytes of the packs that take these frames: filled one after the other, as `PackWriter` does. */
function packedBytes(frames: PlannedFrame[], thin: boolean): number {
  let total = 0;
  let open = { stored: 0, frames: 0, chunks: 0 };
  const close = (): void => {
    if (open.frames === 0) return;
    const fileBytes = open.stored + packOverheadBytes(open.frames, open.chunks);
    total += Math.ceil(fileBytes / allocationBytes) * allocationBytes;
    open = { stored: 0, frames: 0, chunks: 0 };
  };
  for (const state of frames) {
    const { frame, chunks } = state;
    open.stored += frame.storedBytes - (thin && isThin(state) ? deadBytes(state) : 0);
    open.frames += 1;
    open.chunks += chunks.length;
    if (isFullPack(open.stored, open.frames, open.chunks)) close();
  }
  close();
  return total;
}
