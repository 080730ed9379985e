/** Compresses one slot; the same work whoever does it, engine or thread. */
import { hash } from "../chunk/hash.js";
import { compressFrame } from "./frame.js";
import type { Slots } from "./slots.js";

export function compressSlot(slots: Slots, slot: number): void {
  const plain = slots.plain(slot).subarray(0, slots.plainBytes(slot));
  const frame = compressFrame(plain, slots.stored(slot));
  slots.digest(slot).set(hash(frame.stored));
  slots.finish(slot, frame.stored.length, frame.codec);
}
