/**
 * Compression beside the walk: the engine fills slots, threads compress them, and the engine takes them back in the order it
 * gave them. When no slot is free the engine compresses one itself, so both cores stay busy and the memory stays bounded.
 * Threads are started only when there is enough to do; what they produce is the same bytes that the engine would.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Digest } from "../chunk/hash.js";
import { StoreError } from "../errors.js";
import { compressSlot } from "./compress-slot.js";
import { codec } from "./frame.js";
import { makeSlotMemory, Slots, slotState } from "./slots.js";

/** 24 frames of at most half a MiB with both sides: 12 MiB. */
const slotsMax = 24;
/** A thread takes some 20 ms to come up: about what it takes to compress this much. */
const framesBeforeThreads = 64;
const threadsMax = 4;
/** Frames lie in shared memory, and a thread's own objects are few and gone at once. */
const threadYoungMiB = 4;
/** A thread that holds a frame this long has died. The slot is not used again, because it might not have. */
const threadTimeoutMs = 60_000;

export interface StoredFrame {
  plainBytes: number;
  codec: number;
  stored: Uint8Array;
  digest: Digest;
}

/** The slots and threads of one engine, shared by its writers. Neither exists before there is enough to do. */
export class CompressionPool {
  #slots: Slots | null = null;
  #free: number[] = [];
  readonly #threads: Worker[] = [];
  #framesAsked = 0;

  get slots(): Slots {
    return this.#slots as Slots;
  }

  /** Null when every slot is in use, and for the first frames, which are not worth the memory and the threads. */
  takeFree(): number | null {
    this.#framesAsked += 1;
    if (this.#framesAsked <= framesBeforeThreads) return null;
    if (this.#slots === null) this.#start();
    return this.#free.pop() ?? null;
  }

  release(slot: number): void {
    this.slots.release(slot);
    this.#free.push(slot);
  }

  queue(slot: number, plainBytes: number): void {
    this.slots.queue(slot, plainBytes);
  }

  /** Idempotent. No writer may be in the middle of anything. */
  close(): void {
    for (const thread of this.#threads) void thread.terminate();
    this.#threads.length = 0;
  }

  #start(): void {
    const memory = makeSlotMemory(slotsMax);
    this.#slots = new Slots(memory);
    this.#free = Array.from({ length: slotsMax }, (_, slot) => slot);
    const wanted = Math.min(threadsMax, availableParallelism() - 1);
    for (let n = 0; n < wanted; n++) {
      const thread = new Worker(new URL("./compress-thread.js", import.meta.url), {
        workerData: memory,
        execArgv: [],
        resourceLimits: { maxYoungGenerationSizeMb: threadYoungMiB },
      });
      thread.unref();
      // One that fails only makes the others, and the engine, do its work.
      thread.on("error", () => undefined);
      this.#threads.push(thread);
    }
  }
}

/** The frames of one writer on their way, in order. */
export class FrameQueue {
  readonly #pool: CompressionPool;
  readonly #onFrame: (frame: StoredFrame) => void;
  readonly #inOrder: number[] = [];
  readonly #timeoutMs: number;

  /** `onFrame` gets each frame in the order of `submit`; its bytes are valid only during the call. */
  constructor(pool: CompressionPool, onFrame: (frame: StoredFrame) => void, timeoutMs = threadTimeoutMs) {
    this.#timeoutMs = timeoutMs;
    this.#pool = pool;
    this.#onFrame = onFrame;
  }

  /** A slot to fill; waits for one if need be. Null when other writers hold all of them. */
  take(): number | null {
    for (;;) {
      this.#drain();
      const slot = this.#pool.takeFree();
      if (slot !== null) return slot;
      if (this.#inOrder.length === 0) return null;
      this.#settleOldest();
    }
  }

  plain(slot: number): Buffer {
    return this.#pool.slots.plain(slot);
  }

  submit(slot: number, plainBytes: number): void {
    this.#pool.queue(slot, plainBytes);
    this.#inOrder.push(slot);
  }

  /** Gives back a slot that was taken and not submitted. */
  giveBack(slot: number): void {
    this.#pool.release(slot);
  }

  /** Returns when every submitted frame was passed on. */
  flush(): void {
    while (this.#inOrder.length > 0) this.#settleOldest();
  }

  /** Forgets what was submitted. A slot whose thread does not answer stays taken: it may still write there. */
  abort(): void {
    const { slots } = this.#pool;
    for (const slot of this.#inOrder.splice(0)) {
      if (slots.take(slot) || this.#isDone(slot)) this.#pool.release(slot);
    }
  }

  #drain(): void {
    const { slots } = this.#pool;
    while (this.#inOrder.length > 0 && slots.state(this.#inOrder[0] as number) === slotState.done)
      this.#passOn();
  }

  /** Passes the oldest frame on; meanwhile does whatever work nobody has begun. */
  #settleOldest(): void {
    const { slots } = this.#pool;
    const oldest = this.#inOrder[0] as number;
    // From the newest, so that the threads, which begin with the oldest, are not in the way.
    for (let n = this.#inOrder.length - 1; n >= 0 && slots.state(oldest) !== slotState.done; n--) {
      const slot = this.#inOrder[n] as number;
      if (slots.take(slot)) compressSlot(slots, slot);
    }
    this.#awaitDone(oldest);
    this.#passOn();
  }

  #awaitDone(slot: number): void {
    if (this.#isDone(slot)) return;
    throw new StoreError("io_error", "a compression thread does not answer");
  }

  #isDone(slot: number): boolean {
    const { slots } = this.#pool;
    slots.awaitTaken(slot, this.#timeoutMs);
    return slots.state(slot) === slotState.done;
  }

  #passOn(): void {
    const { slots } = this.#pool;
    const slot = this.#inOrder.shift() as number;
    const { storedBytes, codec: frameCodec } = slots.result(slot);
    const plainBytes = slots.plainBytes(slot);
    const from = frameCodec === codec.raw ? slots.plain(slot) : slots.stored(slot);
    try {
      this.#onFrame({
        plainBytes,
        codec: frameCodec,
        stored: from.subarray(0, storedBytes),
        digest: Buffer.from(slots.digest(slot)),
      });
    } finally {
      this.#pool.release(slot);
    }
  }
}
