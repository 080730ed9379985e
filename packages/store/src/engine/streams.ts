/**
 * Results that come in pieces. The engine runs one call at a time and gives one answer, so a stream is opened by one call, read
 * by more, and closed by the last; other calls may run between. No lock is held between pieces: a lease keeps what is read.
 */
import { StoreError } from "../errors.js";
import type { Lease } from "../snapshot/lease.js";
import type { Hooks } from "./hooks.js";

/** Names an open stream to the engine's owner. */
export type StreamHandle = number;

interface OpenStream {
  pieces: Iterator<unknown>;
  lease: Lease;
  /** Of the call that reads at present. */
  hooks: Hooks;
}

export class Streams {
  readonly #open = new Map<StreamHandle, OpenStream>();
  #nextHandle = 1;

  /** `make` is given hooks that stand for those of whichever call reads. The lease is released with the stream. */
  add(lease: Lease, make: (hooks: Hooks) => Iterator<unknown>): StreamHandle {
    const handle = this.#nextHandle++;
    const hooks: Hooks = {
      isAborted: () => this.#open.get(handle)?.hooks.isAborted?.() ?? false,
      onProgress: (progress) => this.#open.get(handle)?.hooks.onProgress?.(progress),
    };
    this.#open.set(handle, { pieces: make(hooks), lease, hooks: {} });
    return handle;
  }

  /** The next piece, or null after the last. A stream that fails is closed. */
  next(hooks: Hooks, handle: StreamHandle): { piece: unknown } | null {
    const stream = this.#open.get(handle);
    if (stream === undefined) throw new StoreError("closed", "the stream is closed");
    stream.hooks = hooks;
    let done: boolean | undefined = true;
    try {
      const result = stream.pieces.next();
      done = result.done;
      return done === true ? null : { piece: result.value };
    } finally {
      if (done === true) this.#end(handle);
    }
  }

  /** Idempotent. */
  close(_hooks: Hooks, handle: StreamHandle): void {
    this.#end(handle);
  }

  closeAll(): void {
    for (const handle of [...this.#open.keys()]) this.#end(handle);
  }

  #end(handle: StreamHandle): void {
    const stream = this.#open.get(handle);
    this.#open.delete(handle);
    try {
      stream?.pieces.return?.();
    } finally {
      stream?.lease.release();
    }
  }
}

/** A message between threads costs more than a copy of this many bytes. */
const pieceBytes = 1024 * 1024;

/** The same bytes in fewer pieces. */
export function* joinBytes(pieces: Iterable<Buffer>): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    bytes += piece.length;
    if (bytes < pieceBytes) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

/** Items in groups of at most `count`. */
export function* inGroups<Item>(items: Iterable<Item>, count: number): Generator<Item[]> {
  let group: Item[] = [];
  for (const item of items) {
    group.push(item);
    if (group.length < count) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
