import type { Context } from "../context.js";
import { ServerError } from "../errors.js";
import { incoming, type App, type Request } from "./environment.js";

/** For whoever watches the server. These say nothing about accounts. */
export function registerHealth(app: App, { db, keys, metrics, sessions, execRecords }: Context): void {
  app.get("/healthz", (c) => c.json({ status: "ok" }));

  app.get("/readyz", async (c) => {
    await db.query.selectFrom("accounts").select("id").limit(1).execute();
    return c.json({ status: "ready" });
  });

  app.get("/metrics", async (c) => {
    if (!isLoopback(c) && (await keys.authenticate(c.req.header("Authorization"))) === null)
      throw new ServerError("unauthorized", "metrics need an API key, except from this machine");
    return c.text(metrics.render({ activeSessions: sessions.activeCount, execs: execRecords.count }));
  });
}

/** A proxy on this machine speaks for others, and says so in a header. */
function isLoopback(c: Request): boolean {
  if (c.req.header("X-Forwarded-For") !== undefined || c.req.header("Forwarded") !== undefined) return false;
  const address = incoming(c)?.socket.remoteAddress ?? "";
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}
