/**
 * Memory that the engine and its compression threads share: a fixed number of slots, each a frame on its way from plain to
 * stored. A slot's state is the only thing both sides write, and only by atomic exchange, so that exactly one of them works on it.
 */
import { chunkBytesMax, frameBytesTarget } from "../limits.js";
import { compressionRoomBytes } from "./frame.js";

/** No frame of chunks is longer; larger objects are compressed by the engine itself. */
export const slotPlainBytes = Math.max(frameBytesTarget, chunkBytesMax);
const slotStoredBytes = compressionRoomBytes(slotPlainBytes);
const slotDigestBytes = 32;
const slotBytes = slotPlainBytes + slotStoredBytes + slotDigestBytes;

export const slotState = { free: 0, queued: 1, taken: 2, done: 3 } as const;

/** Words of a slot's header. */
const word = { state: 0, plainBytes: 1, storedBytes: 2, codec: 3 } as const;
const headerWords = 4;

/**
 * Frames that wait before a sleeping thread is woken: waking costs the engine some 50 us, and a thread that keeps up with
 * it would be woken for every frame. Those that wait while nobody is woken are compressed by the engine when it needs them.
 */
const waitingBeforeWake = 6;

export interface SlotMemory {
  slots: number;
  /** Headers of all slots, then three words: frames ever queued, frames that nobody has taken yet, and threads that sleep. */
  header: SharedArrayBuffer;
  bytes: SharedArrayBuffer;
}

export function makeSlotMemory(slots: number): SlotMemory {
  return {
    slots,
    header: new SharedArrayBuffer(4 * (slots * headerWords + 3)),
    bytes: new SharedArrayBuffer(slots * slotBytes),
  };
}

export class Slots {
  readonly count: number;
  readonly #header: Int32Array;
  readonly #bytes: Buffer;
  readonly #queuedWord: number;
  readonly #waitingWord: number;
  readonly #sleepersWord: number;

  constructor(memory: SlotMemory) {
    this.count = memory.slots;
    this.#header = new Int32Array(memory.header);
    this.#bytes = Buffer.from(memory.bytes);
    this.#queuedWord = memory.slots * headerWords;
    this.#waitingWord = this.#queuedWord + 1;
    this.#sleepersWord = this.#queuedWord + 2;
  }

  plain(slot: number): Buffer {
    return this.#bytes.subarray(slot * slotBytes, slot * slotBytes + slotPlainBytes);
  }

  stored(slot: number): Buffer {
    const start = slot * slotBytes + slotPlainBytes;
    return this.#bytes.subarray(start, start + slotStoredBytes);
  }

  digest(slot: number): Buffer {
    const start = slot * slotBytes + slotPlainBytes + slotStoredBytes;
    return this.#bytes.subarray(start, start + slotDigestBytes);
  }

  plainBytes(slot: number): number {
    return this.#header[slot * headerWords + word.plainBytes] as number;
  }

  result(slot: number): { storedBytes: number; codec: number } {
    const at = slot * headerWords;
    return {
      storedBytes: this.#header[at + word.storedBytes] as number,
      codec: this.#header[at + word.codec] as number,
    };
  }

  state(slot: number): number {
    return Atomics.load(this.#header, slot * headerWords + word.state);
  }

  /** Hands a filled slot to whoever takes it first, and wakes one sleeper when there is work enough. */
  queue(slot: number, plainBytes: number): void {
    this.#header[slot * headerWords + word.plainBytes] = plainBytes;
    Atomics.store(this.#header, slot * headerWords + word.state, slotState.queued);
    Atomics.add(this.#header, this.#queuedWord, 1);
    const waiting = Atomics.add(this.#header, this.#waitingWord, 1) + 1;
    if (waiting < waitingBeforeWake) return;
    // Most of the time every thread is busy. One that is about to sleep has counted itself before it looks at the number
    // of queued frames, so it is not missed.
    if (Atomics.load(this.#header, this.#sleepersWord) > 0) Atomics.notify(this.#header, this.#queuedWord, 1);
  }

  /** True for the one caller who may now work on the slot. */
  take(slot: number): boolean {
    const at = slot * headerWords + word.state;
    const taken =
      Atomics.compareExchange(this.#header, at, slotState.queued, slotState.taken) === slotState.queued;
    if (taken) Atomics.sub(this.#header, this.#waitingWord, 1);
    return taken;
  }

  finish(slot: number, storedBytes: number, codec: number): void {
    const at = slot * headerWords;
    this.#header[at + word.storedBytes] = storedBytes;
    this.#header[at + word.codec] = codec;
    Atomics.store(this.#header, at + word.state, slotState.done);
    Atomics.notify(this.#header, at + word.state);
  }

  release(slot: number): void {
    Atomics.store(this.#header, slot * headerWords + word.state, slotState.free);
  }

  /** Sleeps until the slot's state is no longer `taken`, or the time is over. */
  awaitTaken(slot: number, timeoutMs: number): void {
    Atomics.wait(this.#header, slot * headerWords + word.state, slotState.taken, timeoutMs);
  }

  /** How many frames were ever queued; to be given to `awaitQueued`, so that none is missed in between. */
  queuedCount(): number {
    return Atomics.load(this.#header, this.#queuedWord);
  }

  awaitQueued(since: number): void {
    Atomics.add(this.#header, this.#sleepersWord, 1);
    Atomics.wait(this.#header, this.#queuedWord, since);
    Atomics.sub(this.#header, this.#sleepersWord, 1);
  }
}
