import type { Socket } from "node:net";

/** Longest text of a failed set-up that is kept to tell its cause. */
const HEAD_BYTES_MAX = 2048;

export interface Head {
  /** What was written first, once the writers are gone or `timeoutMs` has passed. */
  text(timeoutMs: number): Promise<string>;
}

/** Remembers the first bytes that go through a stream, whoever reads them. Called before any does. */
export function keepHead(stream: Socket): Head {
  let head = Buffer.alloc(0);
  const finished = new Promise<void>((resolve) => {
    stream.once("close", resolve);
    const push = stream.push.bind(stream);
    stream.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
      if (chunk === null) resolve();
      else if (head.length < HEAD_BYTES_MAX)
        head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES_MAX - head.length)]);
      return push(chunk, encoding);
    };
  });
  return {
    async text(timeoutMs) {
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      });
      await Promise.race([finished, timeout]);
      clearTimeout(timer);
      // A terminal ends its lines with a carriage return, too.
      return head.toString("utf8").replaceAll("\r\n", "\n");
    },
  };
}
