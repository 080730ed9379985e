import { createMiddleware } from "hono/factory";
import type { Database } from "../db/database.js";
import type { Environment } from "../routes/environment.js";
import type { Audit } from "./audit.js";

/**
 * Records a change once it has happened and makes it durable before it is acknowledged. A command changes no record
 * that anyone relies on, so it does not wait for the disk.
 */
export function recordChanges({ audit, db }: { audit: Audit; db: Database }) {
  return createMiddleware<Environment>(async (c, next) => {
    await next();
    const action = c.var.auditAction;
    if (action === undefined || c.error !== undefined || c.res.status >= 400) return;
    const { keyId, account } = c.get("principal");
    await audit.record({
      accountId: account.id,
      keyId,
      action,
      target: c.var.auditTarget ?? null,
      requestId: c.get("requestId"),
    });
    if (!action.startsWith("exec.")) await db.durable();
  });
}
