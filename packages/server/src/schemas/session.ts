import { z } from "@hono/zod-openapi";
import type { SessionRow } from "../db/tables.js";
import { sessionTtlSecondsDefault, sessionTtlSecondsMax, sessionTtlSecondsMin } from "../limits.js";
import { id, paging, rfc3339, time } from "./fields.js";
import { sessionType } from "./workspace.js";

export const createSessionBody = z
  .strictObject({
    session_type: sessionType,
    workspace: z.string().min(1).optional(),
    ephemeral: z.boolean().optional(),
    image: z.string().optional(),
    ttl_seconds: z
      .number()
      .int()
      .min(sessionTtlSecondsMin)
      .max(sessionTtlSecondsMax)
      .optional()
      .openapi({ description: `counted from the last use; default ${sessionTtlSecondsDefault}` }),
  })
  .openapi("CreateSession");

export const listSessionsQuery = z.object({
  status: z.enum(["active", "ended"]).optional(),
  workspace: z.string().optional(),
  ...paging,
});

export const bulkTerminateBody = z
  .strictObject({
    ids: z.array(z.string()).max(1000).optional(),
    workspaces: z.array(z.string()).max(1000).optional(),
    all: z.boolean().optional(),
  })
  .openapi("BulkTerminate");

export const sessionSchema = z
  .object({
    id,
    session_type: z.literal("sandbox"),
    workspace_id: z.string().nullable(),
    ephemeral: z.boolean(),
    status: z.enum(["active", "ended"]),
    ttl_seconds: z.number().int(),
    created_at: time,
    last_used_at: time,
    expires_at: time.nullable().openapi({ description: "when it ends if it is not used again" }),
    ended_at: time.nullable(),
    end_reason: z.string().nullable(),
  })
  .openapi("Session");

export function sessionView(row: SessionRow): z.infer<typeof sessionSchema> {
  const active = row.ended_at === null;
  return {
    id: row.id,
    session_type: row.session_type,
    workspace_id: row.workspace_id,
    ephemeral: row.workspace_id === null,
    status: active ? "active" : "ended",
    ttl_seconds: row.ttl_seconds,
    created_at: rfc3339(row.started_at),
    last_used_at: rfc3339(row.last_used_at),
    expires_at: active ? rfc3339(row.last_used_at + row.ttl_seconds * 1000) : null,
    ended_at: row.ended_at === null ? null : rfc3339(row.ended_at),
    end_reason: row.end_reason,
  };
}

export const bulkTerminateSchema = z
  .object({
    results: z.array(
      z.object({
        id: z.string().openapi({ description: "as it was asked for: a session's id or a workspace" }),
        session_id: z.string().nullable(),
        status: z.enum(["ended", "not_active", "not_found", "failed"]),
      }),
    ),
  })
  .openapi("BulkTerminateResult");
