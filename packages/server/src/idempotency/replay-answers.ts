import { createHash } from "node:crypto";
import { createMiddleware } from "hono/factory";
import { ServerError } from "../errors.js";
import type { Environment, Request } from "../routes/environment.js";
import { hasStreamedBody } from "../routes/streamed-body.js";
import type { Replays } from "./replays.js";

const keyPattern = /^[\x21-\x7e]{1,255}$/;

/** Routes whose answer holds a secret, which must never be written down. */
const secretRoutes = new Set(["/v1/keys"]);

/** Answers a repeated POST with the first answer instead of doing the work again. */
export function replayAnswers(replays: Replays) {
  return createMiddleware<Environment>(async (c, next) => {
    const key = c.req.header("Idempotency-Key");
    if (key === undefined || c.req.method !== "POST") return next();
    refuseUnfit(c, key);
    const accountId = c.get("principal").account.id;
    const recorded = await replays.claim(accountId, key, await requestHash(c));
    if (recorded !== null)
      return new Response(recorded.body, {
        status: recorded.status,
        headers: {
          "Content-Type": "application/json",
          "Idempotent-Replayed": "true",
          "X-Request-Id": c.get("requestId"),
        },
      });
    await next();
    // A refusal may be mended, and a failure may pass; only what was done must not be done twice.
    if (c.res.status >= 400) await replays.release(accountId, key);
    else await replays.record(accountId, key, { status: c.res.status, body: await c.res.clone().text() });
  });
}

function refuseUnfit(c: Request, key: string): void {
  const reason = !keyPattern.test(key)
    ? "has 1 to 255 printable ASCII characters"
    : secretRoutes.has(c.req.path)
      ? "does not work here, because the answer holds a secret that is not kept"
      : hasStreamedBody(c.req.path)
        ? "does not work for a body that is streamed; to send it again has the same effect"
        : (c.req.header("Accept") ?? "").includes("text/event-stream")
          ? "does not work for a stream of events"
          : null;
  if (reason !== null) throw new ServerError("invalid_request", `an Idempotency-Key ${reason}`);
}

/** The API key is part of it, so that a weaker one cannot fetch what only a stronger one may do. */
async function requestHash(c: Request): Promise<string> {
  const target = `${c.get("principal").keyId}\0${c.req.path}\0${new URL(c.req.url).search}\0`;
  return createHash("sha256")
    .update(target)
    .update(Buffer.from(await c.req.arrayBuffer()))
    .digest("hex");
}
