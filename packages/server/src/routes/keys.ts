import { z } from "@hono/zod-openapi";
import type { Context } from "../context.js";
import { createdKeySchema, createKeyBody, keySchema, keyView, listKeysQuery } from "../schemas/account.js";
import { apiRoute, json, jsonBody } from "./api-route.js";
import type { App } from "./environment.js";
import { setNextCursor } from "./paging-header.js";

const tags = ["keys"];

const create = apiRoute(
  { scope: "keys.write", audit: "key.create" },
  {
    method: "post",
    path: "/v1/keys",
    tags,
    summary: "Create an API key",
    request: jsonBody(createKeyBody),
    responses: { 201: { description: "the key, with its secret", ...json(createdKeySchema) } },
  },
);

const list = apiRoute(
  { scope: "keys.read" },
  {
    method: "get",
    path: "/v1/keys",
    tags,
    summary: "List API keys, newest first",
    request: { query: listKeysQuery },
    responses: { 200: { description: "the keys, without their secrets", ...json(z.array(keySchema)) } },
  },
);

const revoke = apiRoute(
  { scope: "keys.write", audit: "key.revoke" },
  {
    method: "delete",
    path: "/v1/keys/{key}",
    tags,
    summary: "Revoke an API key",
    request: { params: z.object({ key: z.string().openapi({ param: { name: "key", in: "path" } }) }) },
    responses: { 204: { description: "revoked" } },
  },
);

export function registerKeys(app: App, { keys }: Context): void {
  app.openapi(create, async (c) => {
    const by = c.get("principal");
    const { name, scopes } = c.req.valid("json");
    const { key, secret } = await keys.create(by.account.id, { name, scopes: scopes ?? null, by });
    c.set("auditTarget", key.id);
    return c.json({ ...keyView(key), secret }, 201);
  });

  app.openapi(list, async (c) => {
    const { account } = c.get("principal");
    const { rows, nextCursor } = await keys.list(account.id, c.req.valid("query"));
    setNextCursor(c, nextCursor);
    return c.json(rows.map(keyView), 200);
  });

  app.openapi(revoke, async (c) => {
    const { key } = c.req.valid("param");
    await keys.revoke(c.get("principal").account.id, key);
    c.set("auditTarget", key);
    return c.body(null, 204);
  });
}
