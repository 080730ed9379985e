import { z } from "@hono/zod-openapi";
import { scopes } from "../auth/scopes.js";
import { scopesOf } from "../auth/keys.js";
import type { AccountRow, AuditRow, KeyRow } from "../db/tables.js";
import { nameLengthMax, pageSizeMax } from "../limits.js";
import { id, paging, rfc3339, time } from "./fields.js";

const scope = z.enum(scopes);

export const accountSchema = z
  .object({ id, name: z.string(), kind: z.enum(["personal", "team"]), created_at: time })
  .openapi("Account");

export function accountView(row: AccountRow): z.infer<typeof accountSchema> {
  return { id: row.id, name: row.name, kind: row.kind, created_at: rfc3339(row.created_at) };
}

export const createKeyBody = z
  .strictObject({
    name: z.string().trim().min(1).max(nameLengthMax),
    scopes: z.array(scope).min(1).optional().openapi({ description: "default: all" }),
  })
  .openapi("CreateKey");

export const listKeysQuery = z.object(paging);

export const keySchema = z
  .object({
    id,
    name: z.string(),
    prefix: z.string().openapi({ description: "the secret's first characters" }),
    scopes: z.array(scope).nullable().openapi({ description: "null: all" }),
    created_at: time,
    last_used_at: time.nullable(),
  })
  .openapi("Key");

export const createdKeySchema = keySchema
  .extend({ secret: z.string().openapi({ description: "shown here and never again" }) })
  .openapi("CreatedKey");

export function keyView(row: KeyRow): z.infer<typeof keySchema> {
  const granted = scopesOf(row);
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: granted === null ? null : [...granted],
    created_at: rfc3339(row.created_at),
    last_used_at: row.last_used_at === null ? null : rfc3339(row.last_used_at),
  };
}

export const listAuditQuery = z.object({
  before: z.string().optional().openapi({ description: "the id of an event; older ones follow" }),
  limit: z.coerce.number().int().min(1).max(pageSizeMax).default(pageSizeMax).openapi({ type: "integer" }),
});

export const auditEventSchema = z
  .object({
    id,
    at: time,
    action: z.string().openapi({ example: "workspace.create" }),
    target: z.string().nullable(),
    key_id: z.string(),
    request_id: z.string(),
  })
  .openapi("AuditEvent");

export function auditEventView(row: AuditRow): z.infer<typeof auditEventSchema> {
  return {
    id: row.id,
    at: rfc3339(row.at),
    action: row.action,
    target: row.target,
    key_id: row.key_id,
    request_id: row.request_id,
  };
}
