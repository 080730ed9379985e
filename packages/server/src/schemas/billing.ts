import { z } from "@hono/zod-openapi";
import type { BillingSummary, UsageWindow } from "../billing/summary.js";
import { bytes, id } from "./fields.js";

const windowSchema = z.object({ session_seconds: z.number().int(), execs: z.number().int() });

export const billingSchema = z
  .object({
    plan: z.literal("personal"),
    limits: z.object({
      sessions: z.number().int(),
      workspaces: z.number().int(),
      workspace_disk_bytes: bytes,
      workspace_disk_inodes: z.number().int(),
      storage_cap_bytes: bytes,
    }),
    sessions: z.number().int(),
    workspaces: z.number().int(),
    storage: z
      .object({
        used_bytes: bytes.openapi({ description: "allocated bytes of the account's directory" }),
        cap_bytes: bytes,
        by_workspace: z.array(z.object({ id, name: z.string().nullable(), bytes })),
        snapshots_bytes: bytes,
        shared_bytes: bytes,
        dead_bytes: bytes,
        overhead_bytes: bytes,
      })
      .openapi({ description: "`used_bytes` is the sum of all that follows `cap_bytes`" }),
    usage: z.object({ last_24h: windowSchema, last_30d: windowSchema }),
  })
  .openapi("BillingSummary");

export function billingView(summary: BillingSummary): z.infer<typeof billingSchema> {
  const { plan, storage } = summary;
  return {
    plan: "personal",
    limits: {
      sessions: plan.sessionsMax,
      workspaces: plan.workspacesMax,
      workspace_disk_bytes: plan.workspaceDiskBytesMax,
      workspace_disk_inodes: plan.workspaceDiskInodesMax,
      storage_cap_bytes: plan.storageBytesMax,
    },
    sessions: summary.sessions,
    workspaces: summary.workspaces,
    storage: {
      used_bytes: storage.usedBytes,
      cap_bytes: storage.capBytes,
      by_workspace: storage.byWorkspace,
      snapshots_bytes: storage.snapshotsBytes,
      shared_bytes: storage.sharedBytes,
      dead_bytes: storage.deadBytes,
      overhead_bytes: storage.overheadBytes,
    },
    usage: { last_24h: windowView(summary.usage24h), last_30d: windowView(summary.usage30d) },
  };
}

function windowView(window: UsageWindow): z.infer<typeof windowSchema> {
  return { session_seconds: window.sessionSeconds, execs: window.execs };
}
