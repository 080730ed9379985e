import { z } from "@hono/zod-openapi";
import type { Context } from "../context.js";
import {
  accountSchema,
  accountView,
  auditEventSchema,
  auditEventView,
  listAuditQuery,
} from "../schemas/account.js";
import { billingSchema, billingView } from "../schemas/billing.js";
import { apiRoute, json } from "./api-route.js";
import type { App } from "./environment.js";

const list = apiRoute(
  { scope: null },
  {
    method: "get",
    path: "/v1/accounts",
    tags: ["accounts"],
    summary: "List the accounts that this key reaches",
    responses: { 200: { description: "the accounts", ...json(z.array(accountSchema)) } },
  },
);

const billing = apiRoute(
  { scope: "billing.read" },
  {
    method: "get",
    path: "/v1/billing/summary",
    tags: ["billing"],
    summary: "What the account uses, to the byte",
    responses: { 200: { description: "the figures", ...json(billingSchema) } },
  },
);

const audit = apiRoute(
  { scope: "audit.read" },
  {
    method: "get",
    path: "/v1/audit/events",
    tags: ["audit"],
    summary: "Who changed what, newest first",
    request: { query: listAuditQuery },
    responses: { 200: { description: "the events", ...json(z.array(auditEventSchema)) } },
  },
);

/** What a key may see of the account that it is bound to. */
export function registerAccounts(app: App, context: Context): void {
  app.openapi(list, (c) => c.json([accountView(c.get("principal").account)], 200));

  app.openapi(billing, async (c) =>
    c.json(billingView(await context.billing.summary(c.get("principal").account)), 200),
  );

  app.openapi(audit, async (c) => {
    const events = await context.audit.list(c.get("principal").account.id, c.req.valid("query"));
    return c.json(events.map(auditEventView), 200);
  });
}
