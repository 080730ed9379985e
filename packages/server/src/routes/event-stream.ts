import { streamSSE } from "hono/streaming";
import { keepaliveIntervalMs } from "../limits.js";
import type { Request } from "./environment.js";

export interface Events {
  /** Resolves when the client can take more. `id` is what it gives back as `Last-Event-ID` to go on after this event. */
  send: (event: string, data: unknown, id: number) => Promise<void>;
  /** Aborts when the client has gone away. */
  gone: AbortSignal;
}

/** Answers with events, and with a sign of life between them. `write` must not throw. */
export function answerEvents(c: Request, write: (events: Events) => Promise<void>) {
  c.header("X-Accel-Buffering", "no");
  return streamSSE(c, async (stream) => {
    const gone = new AbortController();
    stream.onAbort(() => gone.abort());
    const { signal } = c.req.raw;
    const abort = (): void => gone.abort();
    signal.addEventListener("abort", abort, { once: true });
    if (stream.aborted || signal.aborted) abort();
    // Without an id: the one before stays the last that the client has seen.
    const keepalive = setInterval(
      () => void stream.writeSSE({ event: "keepalive", data: "{}" }),
      keepaliveIntervalMs,
    );
    try {
      await write({
        gone: gone.signal,
        send: (event, data, id) => stream.writeSSE({ id: String(id), event, data: JSON.stringify(data) }),
      });
    } finally {
      clearInterval(keepalive);
      signal.removeEventListener("abort", abort);
    }
  });
}
