/** A pack, and how much of it something needs: what is asked of the plan of a collection about some packs alone. */
import type { FramedPack } from "./framed-packs.js";
import type { FrameState, PackState } from "./packs.js";
import { freedBytesOf, planCollection } from "./plan.js";

export interface CountedPack {
  of: FramedPack;
  state: PackState;
  frames: FrameState[];
}

/** Nothing of it is needed yet. */
export function uncounted(of: FramedPack): CountedPack {
  return {
    of,
    state: { pack: of.pack, plainBytes: of.plainBytes, neededObjects: 0, neededPlainBytes: 0 },
    frames: of.frames.map((frame) => ({ ...frame })),
  };
}

/** One object of it is needed, or is needed no more. */
export function count(
  { state, frames }: CountedPack,
  { frame, length }: { frame: number; length: number },
  sign: 1 | -1,
): void {
  state.neededObjects += sign;
  state.neededPlainBytes += sign * length;
  (frames[frame] as FrameState).neededPlainBytes += sign * length;
}

/** Allocated bytes that a collection of these packs would free, as exact as `freedBytesOf`. */
export function plannedBytes(packs: CountedPack[]): number {
  const options = { thin: false };
  const byId = new Map(packs.map((pack) => [pack.of.pack.id, pack]));
  const framesOf = ({ pack }: PackState): FrameState[] => byId.get(pack.id)?.frames ?? [];
  const plan = planCollection(
    packs.map(({ state }) => state),
    framesOf,
    options,
  );
  return freedBytesOf(plan, ({ pack }) => byId.get(pack.id)?.of.allocatedBytes ?? 0, options);
}
