import type { Writable } from "node:stream";
import type { InputState, InputWrite, InputWritten } from "../api.js";
import { RuntimeError } from "../errors.js";
import { PIPE_BYTES, INPUT_WAIT_MS } from "../limits.js";

/**
 * A command's standard input as a numbered run of bytes, so that a sender who does not know whether its last piece
 * arrived may send it again.
 */
export class CommandInput {
  readonly #stream: Writable;
  #receivedBytes = 0;
  #ended = false;
  /** One writer after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  get state(): InputState {
    return { receivedBytes: this.#receivedBytes, ended: this.#ended };
  }

  /** See `Command.write`. */
  write(bytes: Uint8Array, options: InputWrite = {}): Promise<InputWritten> {
    const written = this.#last.then(() => this.#write(bytes, options));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #write(
    bytes: Uint8Array,
    { offset = this.#receivedBytes, end, signal }: InputWrite,
  ): Promise<InputWritten> {
    const expectedOffset = this.#receivedBytes;
    if (offset > expectedOffset)
      throw new RuntimeError(
        "input_gap",
        `input from offset ${String(offset)} leaves a gap: ${String(expectedOffset)} bytes were received`,
        { expectedOffset },
      );
    let rest = bytes.subarray(Math.min(bytes.length, expectedOffset - offset));
    while (rest.length > 0) {
      this.#assertOpen();
      if (this.#stream.writableNeedDrain && !(await this.#drained(signal))) break;
      this.#assertOpen();
      // Copied: the caller's memory is the caller's again once this has settled.
      this.#stream.write(Buffer.from(rest.subarray(0, PIPE_BYTES)));
      this.#receivedBytes += Math.min(rest.length, PIPE_BYTES);
      rest = rest.subarray(PIPE_BYTES);
    }
    const takenBytes = bytes.length - rest.length;
    if (end === true && rest.length === 0 && !this.#ended) {
      this.#ended = true;
      this.#stream.end();
    }
    return { ...this.state, takenBytes };
  }

  #assertOpen(): void {
    if (this.#ended || this.#stream.destroyed || this.#stream.writableEnded)
      throw new RuntimeError("input_closed", "the command takes no more input", {
        receivedBytes: this.#receivedBytes,
      });
  }

  /** False when the command did not read for so long that the caller should come again. */
  #drained(signal: AbortSignal | undefined): Promise<boolean> {
    const stream = this.#stream;
    return new Promise((resolve) => {
      const settle = (drained: boolean) => (): void => {
        clearTimeout(timer);
        stream.off("drain", onDrain).off("close", onDrain);
        signal?.removeEventListener("abort", onAbort);
        resolve(drained);
      };
      const [onDrain, onAbort] = [settle(true), settle(false)];
      const timer = setTimeout(onAbort, INPUT_WAIT_MS);
      stream.once("drain", onDrain).once("close", onDrain);
      signal?.addEventListener("abort", onAbort);
      if (signal?.aborted === true) onAbort();
    });
  }
}
