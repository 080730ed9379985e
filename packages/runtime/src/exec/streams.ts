import { Socket } from "node:net";

/** Longest text of a failed set-up that is kept to tell its cause. */
const HEAD_BYTES_MAX = 2048;

/** The server's end of a pipe that a command writes to. Remembers the first bytes that went through. */
export class OutputStream extends Socket {
  #head = Buffer.alloc(0);
  #finished: () => void = () => undefined;
  readonly #whenFinished: Promise<void>;

  constructor(fd: number) {
    super({ fd, readable: true, writable: false });
    this.#whenFinished = new Promise((resolve) => {
      this.#finished = resolve;
    });
    this.once("close", () => {
      this.#finished();
    });
    // A pipe has no errors that the reader could act on; without this one would end the process.
    this.on("error", () => undefined);
  }

  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    if (chunk === null) this.#finished();
    else if (this.#head.length < HEAD_BYTES_MAX) {
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, HEAD_BYTES_MAX - this.#head.length)]);
    }
    return super.push(chunk, encoding);
  }

  /** What was written first, once the writers are gone or `timeoutMs` has passed. */
  async head(timeoutMs: number): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#whenFinished, timeout]);
    clearTimeout(timer);
    return this.#head.toString("utf8");
  }
}

/** The server's end of a command's standard input. Writing to a command that no longer reads is not an error. */
export function inputStream(fd: number): Socket {
  const stream = new Socket({ fd, readable: false, writable: true });
  stream.on("error", () => undefined);
  return stream;
}
