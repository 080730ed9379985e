/**
 * The reading end of a command's output. A stream of Node's takes fresh memory for every piece it reads, 64 KiB each, which lives until the next
 * collection: under a flood that is a hundred megabytes. Here all pipes are read into the same memory, since a piece is dealt with before
 * the next is read, and only what somebody keeps is copied.
 */
import { Socket, type ConnectOpts, type SocketConstructorOpts } from "node:net";
import { Readable } from "node:stream";
import { PIPE_BYTES } from "../limits.js";
import type { Head } from "./head.js";

/** Bytes are there for the moment only: what is to stay must be copied. */
export type TakeOutput = (bytes: Buffer) => void;

const memory = Buffer.allocUnsafeSlow(PIPE_BYTES);

export class OutputPipe extends Readable {
  readonly #socket: Socket;
  readonly #head: Head | null;
  #take: TakeOutput | null = null;

  /** The descriptor is this stream's from now on. `head` is told what comes first. */
  constructor(fd: number, head: Head | null = null) {
    super();
    this.#head = head;
    const options: SocketConstructorOpts & Pick<ConnectOpts, "onread"> = {
      fd,
      readable: true,
      writable: false,
      // False: no more until `resume`.
      onread: { buffer: memory, callback: (length) => this.#receive(memory.subarray(0, length)) },
    };
    this.#socket = new Socket(options);
    this.#socket.once("end", () => {
      head?.end();
      this.push(null);
    });
    this.#socket.once("error", (error) => this.destroy(error));
  }

  /** Everything that is there and comes goes to `take`, as fast as it comes, whoever else listens. */
  drain(take: TakeOutput): void {
    for (let chunk = this.read() as Buffer | null; chunk !== null; chunk = this.read() as Buffer | null)
      take(chunk);
    this.#take = take;
    // So that the end is told.
    this.resume();
    this.#socket.resume();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#head?.end();
    this.#socket.destroy();
    done(error);
  }

  #receive(bytes: Buffer): boolean {
    this.#head?.add(bytes);
    this.#take?.(bytes);
    return this.#take !== null && this.listenerCount("data") === 0 ? true : this.push(Buffer.from(bytes));
  }
}

/** The same of any stream. */
export function drain(stream: Readable, take: TakeOutput): void {
  if (stream instanceof OutputPipe) stream.drain(take);
  else stream.on("data", take);
}
