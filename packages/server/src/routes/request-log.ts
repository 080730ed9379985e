import { randomUUID } from "node:crypto";
import { createMiddleware } from "hono/factory";
import type { Context } from "../context.js";
import type { Environment } from "./environment.js";

/** Gives every request an id, counts it, and logs what it was, never what it carried. */
export function requestLog({ log, metrics }: Pick<Context, "log" | "metrics">) {
  return createMiddleware<Environment>(async (c, next) => {
    const startedAt = performance.now();
    const requestId = randomUUID();
    c.set("requestId", requestId);
    c.header("X-Request-Id", requestId);
    await next();
    metrics.countRequest(c.req.method, c.res.status);
    log.info("request", {
      request_id: requestId,
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      duration_ms: Math.round(performance.now() - startedAt),
      ...(c.var.principal === undefined ? {} : { account_id: c.var.principal.account.id }),
    });
  });
}
