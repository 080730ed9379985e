import type { Socket } from "node:net";
import { PATH_BYTES_MAX } from "../limits.js";

/** Longest text of a failed set-up that is kept to tell its cause: that comes after a path. */
const HEAD_BYTES_MAX = 2 * PATH_BYTES_MAX;

/** Remembers the first bytes that go through a stream, whoever reads them. */
export class Head {
  #bytes = Buffer.alloc(0);
  #end: () => void = () => undefined;
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  add(chunk: Buffer): void {
    if (this.#bytes.length < HEAD_BYTES_MAX)
      this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(0, HEAD_BYTES_MAX - this.#bytes.length)]);
  }

  /** Nothing more will come. Idempotent. */
  end(): void {
    this.#end();
  }

  /** What was written first, once the writers are gone or `timeoutMs` has passed. */
  async text(timeoutMs: number): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#ended, timeout]);
    clearTimeout(timer);
    // A terminal ends its lines with a carriage return, too.
    return this.#bytes.toString("utf8").replaceAll("\r\n", "\n");
  }
}

/** Of a stream that says nothing of what it reads. Called before anybody reads from it. */
export function headOf(stream: Socket): Head {
  const head = new Head();
  stream.once("close", () => {
    head.end();
  });
  const push = stream.push.bind(stream);
  stream.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    if (chunk === null) head.end();
    else head.add(chunk);
    return push(chunk, encoding);
  };
  return head;
}
