import { LOG_READ_BYTES_MAX } from "../limits.js";

export type OutputName = "stdout" | "stderr";

export interface OutputPiece {
  stream: OutputName;
  bytes: Buffer;
  /** Of the first byte, counted over both streams from the command's start. */
  offset: number;
  /** Bytes between what was asked for and this piece that had been dropped by then. */
  lostBytes: number;
}

interface Segment {
  stream: OutputName;
  offset: number;
  /** May be larger than what is in it, so that small writes join. */
  buffer: Buffer;
  length: number;
}

/** Counted for each segment, so that a byte on one stream and a byte on the other, for ever, stay within the cap. */
const SEGMENT_COST_BYTES = 128;
/** Given to a reader as one piece. */
const SEGMENT_BYTES_MAX = LOG_READ_BYTES_MAX;
/** Below, there would be no room for more than a few segments. */
const LOG_BYTES_MIN = 4096;
/** So that dropping one leaves most of what may be kept. */
const SEGMENTS_MIN = 8;

const NOTHING = { stream: "stdout", bytes: Buffer.alloc(0) } as const;

/**
 * What a command has printed, in the order of its arrival: the last `maxBytes` of it, in memory. Readers come with an
 * offset and read at their own pace; one that falls behind what is kept is told how much it missed.
 */
export class OutputLog {
  readonly #maxBytes: number;
  readonly #segmentBytesMax: number;
  #segments: Segment[] = [];
  /** Memory of a full segment that was dropped, for the next: a flood then leaves no garbage. */
  #spare: Buffer | null = null;
  /** Segments before it have been dropped. */
  #first = 0;
  #endOffset = 0;
  #costBytes = 0;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  constructor(maxBytes: number) {
    this.#maxBytes = Math.max(maxBytes, LOG_BYTES_MIN);
    this.#segmentBytesMax = Math.min(SEGMENT_BYTES_MAX, this.#maxBytes / SEGMENTS_MIN - SEGMENT_COST_BYTES);
  }

  /** Of the oldest byte that is kept: so many have been dropped. */
  get startOffset(): number {
    return this.#segments[this.#first]?.offset ?? this.#endOffset;
  }

  /** Bytes that were written in all. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Memory that the log takes. */
  get costBytes(): number {
    return this.#costBytes;
  }

  /** Nothing more will come. */
  get closed(): boolean {
    return this.#closed;
  }

  /** `chunk` is copied. */
  append(stream: OutputName, chunk: Buffer): void {
    if (chunk.length === 0 || this.#closed) return;
    for (let at = 0; at < chunk.length;) {
      const segment = this.#withRoom(stream, chunk.length - at);
      const copied = chunk.copy(segment.buffer, segment.length, at);
      segment.length += copied;
      at += copied;
      this.#endOffset += copied;
      while (this.#costBytes > this.#maxBytes && this.dropOldest());
    }
    this.#wake();
  }

  /** Forgets the oldest segment. False when there is none. */
  dropOldest(): boolean {
    const segment = this.#segments[this.#first];
    if (segment === undefined) return false;
    this.#costBytes -= costOf(segment);
    if (segment.buffer.length === this.#segmentBytesMax) this.#spare = segment.buffer;
    this.#first += 1;
    if (this.#first * 2 > this.#segments.length) {
      this.#segments = this.#segments.slice(this.#first);
      this.#first = 0;
    }
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** What stands at `offset` or, where that was dropped, at the oldest byte kept; no bytes when all were, null at the end. */
  read(offset: number, maxBytes = LOG_READ_BYTES_MAX): OutputPiece | null {
    const from = Math.max(offset, this.startOffset);
    const segment = this.#segmentAt(from);
    if (segment === undefined)
      return from > offset ? { ...NOTHING, offset: from, lostBytes: from - offset } : null;
    const within = from - segment.offset;
    const bytes = Buffer.from(segment.buffer.subarray(within, Math.min(segment.length, within + maxBytes)));
    return { stream: segment.stream, bytes, offset: from, lostBytes: from - offset };
  }

  /** Everything from `offset` on as it comes, until the log is closed or `signal` aborts. */
  async *follow(offset: number, signal?: AbortSignal): AsyncGenerator<OutputPiece, void, undefined> {
    while (signal?.aborted !== true) {
      const piece = this.read(offset);
      if (piece !== null) {
        offset = piece.offset + piece.bytes.length;
        yield piece;
      } else if (this.#closed) return;
      else await this.#change(signal);
    }
  }

  /** The last segment, or a new one where it is full or of the other stream. As large as its content until that is more than fits. */
  #withRoom(stream: OutputName, wantedBytes: number): Segment {
    let segment = this.#segments.at(-1);
    const isOther = segment?.stream !== stream;
    if (segment === undefined || isOther || segment.length === this.#segmentBytesMax) {
      // Who filled one will fill the next.
      if (!isOther) wantedBytes = this.#segmentBytesMax;
      segment = { stream, offset: this.#endOffset, buffer: Buffer.alloc(0), length: 0 };
      this.#segments.push(segment);
      this.#costBytes += costOf(segment);
    }
    const { buffer, length } = segment;
    if (length < buffer.length) return segment;
    this.#costBytes -= costOf(segment);
    segment.buffer = this.#memory(Math.max(length + wantedBytes, 2 * length));
    buffer.copy(segment.buffer, 0, 0, length);
    this.#costBytes += costOf(segment);
    return segment;
  }

  #memory(bytes: number): Buffer {
    if (bytes < this.#segmentBytesMax) return Buffer.allocUnsafeSlow(bytes);
    const spare = this.#spare;
    this.#spare = null;
    return spare ?? Buffer.allocUnsafeSlow(this.#segmentBytesMax);
  }

  #segmentAt(offset: number): Segment | undefined {
    let low = this.#first;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const segment = this.#segments[middle];
      if (segment === undefined || segment.offset + segment.length > offset) high = middle;
      else low = middle + 1;
    }
    return this.#segments[low];
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake);
      if (signal?.aborted === true) wake();
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

function costOf(segment: Segment): number {
  return segment.buffer.length + SEGMENT_COST_BYTES;
}
