import { z } from "@hono/zod-openapi";
import { checkEgress, EGRESS_RULES_MAX, type AppliedLimits } from "@chaser/runtime";
import type { SessionRow } from "../db/tables.js";
import { sessionTtlSecondsDefault, sessionTtlSecondsMax, sessionTtlSecondsMin } from "../limits.js";
import { id, imageReference, paging, rfc3339, time, warnings } from "./fields.js";
import { sessionType } from "./workspace.js";

const egressRule = z
  .strictObject({
    host: z.string().openapi({ description: "a name, or *. and a name for all names below it" }),
    port: z.number().int().default(443),
  })
  .superRefine((rule, context) => {
    try {
      checkEgress([rule]);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
    }
  })
  .openapi("EgressRule");

export const createSessionBody = z
  .strictObject({
    session_type: sessionType,
    workspace: z.string().min(1).optional(),
    ephemeral: z.boolean().optional(),
    image: imageReference.optional(),
    ttl_seconds: z
      .number()
      .int()
      .min(sessionTtlSecondsMin)
      .max(sessionTtlSecondsMax)
      .optional()
      .openapi({ description: `counted from the last use; default ${sessionTtlSecondsDefault}` }),
    egress: z
      .array(egressRule)
      .max(EGRESS_RULES_MAX)
      .optional()
      .openapi({
        description:
          "the only hosts and ports that the session reaches, through the proxy that its environment names; an empty list: none. " +
          "Each must be one that the operator allows. Default: all that the operator allows",
      }),
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

const limit = z
  .object({
    value: z.number().int(),
    mechanism: z.string().openapi({
      description:
        "cgroup, userns, rlimit (each process) and tmpfs: the kernel. watch: looked at several times a second. " +
        "priority: not held, but other sessions go first. none: not held",
    }),
  })
  .openapi("SessionLimit");

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
    end_reason: z.string().nullable().openapi({
      description:
        "over_quota: what was written crossed the cap of the disk or of the account; unmeasured: what was written could not be measured any more",
    }),
    limits: z
      .record(z.string(), limit)
      .openapi({ description: "by name; sizes in bytes. See the documentation of the runtime for each" }),
    limits_hit: z.array(z.string()).openapi({
      description: "limits of the whole session that were reached: memory, processes, tmp, open_files",
    }),
  })
  .openapi("Session");

export const startedSessionSchema = sessionSchema.extend({ warnings }).openapi("StartedSession");

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
    limits: limitsView(row.limits),
    limits_hit: row.limits_hit === null ? [] : (JSON.parse(row.limits_hit) as string[]),
  };
}

function limitsView(json: string | null): z.infer<typeof sessionSchema>["limits"] {
  if (json === null) return {};
  const limits = JSON.parse(json) as AppliedLimits;
  return Object.fromEntries(Object.entries(limits).map(([name, applied]) => [snakeCase(name), applied]));
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
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
