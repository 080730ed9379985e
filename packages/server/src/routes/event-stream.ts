import { streamSSE } from "hono/streaming";
import { isFault, ServerError, toServerError } from "../errors.js";
import { keepaliveIntervalMs } from "../limits.js";
import type { Logger } from "../log.js";
import type { Request } from "./environment.js";

export interface Events {
  /** Resolves when the client can take more. `id` is what it gives back as `Last-Event-ID` to go on after this event. */
  send: (event: string, data: unknown, id?: number) => Promise<void>;
  /** Aborts when the client has gone away. */
  gone: AbortSignal;
}

export function wantsEvents(c: Request): boolean {
  return (c.req.header("Accept") ?? "").includes("text/event-stream");
}

/** Answers with events, and with a sign of life between them. What `write` throws is the last of them: `error`. */
export function answerEvents(c: Request, log: Logger, write: (events: Events) => Promise<void>) {
  const requestId = c.get("requestId");
  c.header("X-Accel-Buffering", "no");
  return streamSSE(c, async (stream) => {
    const gone = new AbortController();
    const abort = (): void => gone.abort(new ServerError("invalid_request", "the client went away"));
    stream.onAbort(abort);
    const { signal } = c.req.raw;
    signal.addEventListener("abort", abort, { once: true });
    if (stream.aborted || signal.aborted) abort();
    // Without an id the one before stays the last that the client has seen.
    const say = (event: string, data: unknown, id?: number): Promise<void> =>
      stream.writeSSE({ event, data: JSON.stringify(data), ...(id === undefined ? {} : { id: String(id) }) });
    let lastId: number | undefined;
    const keepalive = setInterval(() => void say("keepalive", {}), keepaliveIntervalMs);
    try {
      await write({
        gone: gone.signal,
        send: (event, data, id) => {
          lastId = id;
          return say(event, data, id);
        },
      });
    } catch (error) {
      const shown = toServerError(error);
      if (isFault(shown)) log.error("stream_failed", error, { request_id: requestId });
      await say("error", shown.body(requestId), lastId);
    } finally {
      clearInterval(keepalive);
      signal.removeEventListener("abort", abort);
    }
  });
}
