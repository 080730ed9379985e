import { z } from "@hono/zod-openapi";
import type { Problem, SnapshotInfo } from "@chaser/store";
import { commentLengthMax } from "../limits.js";
import type { RestoreOutcome } from "../snapshots/snapshots.js";
import { shownPath } from "../workspaces/disk-paths.js";
import { bytes, name, rfc3339, time } from "./fields.js";

export const createSnapshotBody = z
  .strictObject({ name: name.optional(), comment: z.string().max(commentLengthMax).optional() })
  .openapi("CreateSnapshot");

const restorePath = z
  .string()
  .min(1)
  .max(4096)
  .refine((path) => !path.includes("\0"), { error: "must not hold a NUL character" });

export const restoreBody = z
  .strictObject({
    paths: z
      .array(restorePath)
      .min(1)
      .max(1000)
      .optional()
      .openapi({
        description:
          "restore only these, with what is below them: absolute as the sandbox shows them, else from `/workspace` on. What the " +
          "snapshot lacks goes",
        example: ["src", "/home/chaser/.profile"],
      }),
    dry_run: z.boolean().optional().openapi({ description: "say what would change, change nothing" }),
  })
  .openapi("RestoreSnapshot");

export const snapshotSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    workspace_id: z.string().nullable(),
    tree: z
      .string()
      .openapi({ description: "content id of the whole file tree: equal trees have equal ids" }),
    parent: z.string().nullable(),
    created_at: time,
    comment: z.string(),
    consistency: z
      .enum(["idle", "live"])
      .openapi({ description: "`live`: taken while processes were paused" }),
    files: z.number().int(),
    directories: z.number().int(),
    logical_bytes: bytes.openapi({ description: "sum of file sizes" }),
    new_bytes: bytes.openapi({ description: "what the store grew by when it was taken" }),
    exclusive_bytes: bytes
      .nullable()
      .openapi({ description: "freed if it were deleted; null in the answer to a change" }),
  })
  .openapi("Snapshot");

export type Snapshot = z.infer<typeof snapshotSchema>;

/** `exclusiveBytes`: null where nobody counted them. */
export function snapshotView(info: SnapshotInfo, exclusiveBytes: number | null = null): Snapshot {
  return {
    id: info.id,
    name: info.name,
    workspace_id: info.diskId,
    tree: info.tree,
    parent: info.parent,
    created_at: rfc3339(info.createdAtMs),
    comment: info.comment,
    consistency: info.consistency,
    files: info.files,
    directories: info.directories,
    logical_bytes: info.logicalBytes,
    new_bytes: info.newBytes,
    exclusive_bytes: exclusiveBytes,
  };
}

const problemSchema = z.object({
  path: z.string().openapi({ description: "as the sandbox shows it; bytes that are not UTF-8 are replaced" }),
  code: z.string(),
  message: z.string(),
});

export const restoreSchema = z
  .object({
    snapshot: snapshotSchema,
    dry_run: z.boolean(),
    created: z.number().int(),
    changed: z.number().int(),
    deleted: z.number().int(),
    unchanged: z.number().int(),
    written_bytes: bytes,
    duration_ms: z.number(),
    undo_snapshot: snapshotSchema.nullable().openapi({ description: "restore this to undo the restore" }),
    ended_session_id: z.string().nullable(),
    problems: z.array(problemSchema),
  })
  .openapi("Restore");

export function restoreView(outcome: RestoreOutcome, dryRun: boolean): z.infer<typeof restoreSchema> {
  const { result } = outcome;
  return {
    snapshot: snapshotView(outcome.snapshot),
    dry_run: dryRun,
    created: result.created,
    changed: result.changed,
    deleted: result.deleted,
    unchanged: result.unchanged,
    written_bytes: result.writtenBytes,
    duration_ms: Math.round(result.durationMs),
    undo_snapshot: outcome.undo === null ? null : snapshotView(outcome.undo),
    ended_session_id: outcome.endedSessionId,
    problems: result.problems.map(problemView),
  };
}

function problemView(problem: Problem): z.infer<typeof problemSchema> {
  return { path: shownPath(problem.path), code: problem.code, message: problem.message };
}

export const deletedSnapshotSchema = z
  .object({ id: z.string(), name: z.string(), freed_bytes: bytes })
  .openapi("DeletedSnapshot");
