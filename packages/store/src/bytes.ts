/**
 * Reading and writing of the store's own encodings: little-endian fixed fields, and unsigned LEB128 varints that
 * must be minimal, so that a value has exactly one encoding. Used by every codec; knows no format itself.
 */
import { StoreError } from "./errors.js";

/** Of 53 bits, seven in each. */
const varintBytesMax = 8;

/** Appends fields to a growing buffer. */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(initialBytes = 1024) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
  }

  get length(): number {
    return this.#length;
  }

  /** Makes room and gives the place. To be called before the buffer is named: it may be replaced. */
  #reserve(bytes: number): number {
    const at = this.#length;
    const needed = at + bytes;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#length = needed;
    return at;
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a whole number: ${value}`);
    let at = this.#reserve(varintBytesMax);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[at++] = rest;
    this.#length = at;
  }

  /** A signed whole number, zigzag encoded. */
  signed(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
  }

  /** Length as a varint, then the bytes. */
  sized(value: Uint8Array): void {
    this.varint(value.length);
    this.bytes(value);
  }

  text(value: string): void {
    this.sized(Buffer.from(value, "utf8"));
  }

  /** A copy of what was written. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  /** Empties the writer and keeps its buffer. */
  reset(): void {
    this.#length = 0;
  }
}

/** Reads fields; every malformed input gives code `corrupt` with the name of what was read. */
export class ByteReader {
  readonly #buffer: Buffer;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  fail(reason: string): never {
    throw new StoreError("corrupt", `${this.#what}: ${reason} at byte ${this.#at}`);
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#buffer.length - at) this.#endsEarly(bytes);
    this.#at = at + bytes;
    return at;
  }

  #endsEarly(bytes: number): never {
    this.fail(`ends early, ${bytes} bytes wanted`);
  }

  u8(): number {
    return this.#buffer[this.#take(1)] as number;
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  varint(): number {
    // Most numbers are of one byte, and there are ten of them to an entry of a tree.
    const first = this.#buffer[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at += 1;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#buffer[this.#at] ?? this.#endsEarly(1);
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) this.fail("number too large");
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) this.fail("number not in its shortest form");
        return value;
      }
      scale *= 0x80;
    }
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  skipVarint(): void {
    while ((this.#buffer[this.#at] ?? this.#endsEarly(1)) >= 0x80) this.#at += 1;
    this.#at += 1;
  }

  skipSized(): void {
    this.#take(this.varint());
  }

  /** A view of what lies between an earlier position and this one. */
  since(position: number): Buffer {
    return this.#buffer.subarray(position, this.#at);
  }

  /** Goes back to an earlier position. */
  rewind(position: number): void {
    this.#at = position;
  }

  /** A view, not a copy. */
  sized(lengthMax = Infinity): Buffer {
    const length = this.varint();
    if (length > lengthMax) this.fail(`length ${length} above the limit of ${lengthMax}`);
    return this.bytes(length);
  }

  text(lengthMax: number): string {
    const bytes = this.sized(lengthMax);
    const text = bytes.toString("utf8");
    if (!Buffer.from(text, "utf8").equals(bytes)) this.fail("text is not UTF-8");
    return text;
  }

  magic(expected: string): void {
    if (this.bytes(expected.length).toString("latin1") !== expected) {
      throw new StoreError("corrupt", `${this.#what}: does not start with ${expected}`);
    }
  }

  end(): void {
    if (this.remaining !== 0) this.fail(`${this.remaining} bytes too many`);
  }
}
