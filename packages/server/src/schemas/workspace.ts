import { z } from "@hono/zod-openapi";
import type { WorkspaceRow } from "../db/tables.js";
import { nameLengthMax } from "../limits.js";
import { bytes, flag, id, imageReference, name, paging, rfc3339, time } from "./fields.js";

export const sessionType = z.enum(["sandbox", "browser"]);

export const createWorkspaceBody = z
  .strictObject({
    session_type: sessionType.optional().openapi({ description: "required unless `clone_from` is given" }),
    name: name.optional(),
    image: imageReference.optional(),
    template: z.boolean().optional(),
    clone_from: z
      .string()
      .min(1)
      .max(2 * nameLengthMax + 1)
      .optional()
      .openapi({ description: "a workspace, or `workspace@snapshot`", example: "base-dev@clean" }),
  })
  .openapi("CreateWorkspace");

const importTextMax = 2000;

export const importWorkspaceBody = z
  .strictObject({
    github_repo: z
      .string()
      .min(1)
      .max(importTextMax)
      .openapi({ description: "`owner/repo`, or an https address on a host that the operator allows" }),
    ref: z
      .string()
      .min(1)
      .max(importTextMax)
      .optional()
      .openapi({ description: "a branch, a tag or a full commit id; default: the default branch" }),
    name: name.optional(),
    token: z.string().min(1).max(importTextMax).optional().openapi({
      description: "for a private repository; shown to its host alone, when it asks, and not kept",
      format: "password",
    }),
  })
  .openapi("ImportWorkspace");

export const renameBody = z.strictObject({ name: name.nullable() }).openapi("RenameWorkspace");

export const templateBody = z.strictObject({ template: z.boolean() }).openapi("MarkTemplate");

export const listWorkspacesQuery = z.object({
  template: flag.optional(),
  name: z.string().optional(),
  ...paging,
});

export const forceQuery = z.object({ force: flag.optional() });

export const workspaceSchema = z
  .object({
    id,
    name: z.string().nullable(),
    session_type: z.literal("sandbox"),
    status: z.enum(["active", "idle"]).openapi({ description: "`active` while a session runs" }),
    image: z.string().nullable(),
    image_digest: z.string().nullable().openapi({ description: "what sessions get, wherever a tag moves" }),
    template: z.boolean(),
    github_repo: z.string().nullable().openapi({ description: "what it was imported from" }),
    github_ref: z.string().nullable().openapi({ description: "null: the default branch" }),
    source_workspace_id: z.string().nullable(),
    active_session_id: z.string().nullable(),
    last_session_id: z.string().nullable(),
    persistence: z.literal("persistent"),
    created_at: time,
    disk_bytes: bytes.nullable().openapi({
      description:
        "allocated bytes that the disk stands on, shared ones included; null in the answer to a clone, which does not wait for a measurement",
    }),
    disk_limit_bytes: bytes,
  })
  .openapi("Workspace");

export type Workspace = z.infer<typeof workspaceSchema>;

export function workspaceView(
  row: WorkspaceRow,
  now: { activeSessionId: string | null; diskBytes: number | null; diskLimitBytes: number },
): Workspace {
  return {
    id: row.id,
    name: row.name,
    session_type: row.session_type,
    status: now.activeSessionId === null ? "idle" : "active",
    image: row.image,
    image_digest: row.image_digest,
    template: row.template === 1,
    github_repo: row.github_repo,
    github_ref: row.github_ref,
    source_workspace_id: row.source_workspace_id,
    active_session_id: now.activeSessionId,
    last_session_id: row.last_session_id,
    persistence: "persistent",
    created_at: rfc3339(row.created_at),
    disk_bytes: now.diskBytes,
    disk_limit_bytes: now.diskLimitBytes,
  };
}

export const usageSchema = z
  .object({
    workspace_id: id,
    logical_bytes: bytes.openapi({ description: "lengths of all files" }),
    referenced_bytes: bytes.openapi({ description: "allocated bytes that the disk can reach" }),
    referenced_inodes: z
      .number()
      .int()
      .openapi({ description: "files, directories and whatever else has a name on what the disk can reach" }),
    exclusive_bytes: bytes.openapi({ description: "allocated bytes that only this disk uses" }),
    shared_bytes: bytes.openapi({ description: "referenced minus exclusive" }),
    written_bytes: bytes.openapi({ description: "allocated bytes written since the disk was last frozen" }),
    snapshots: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        logical_bytes: bytes,
        new_bytes: bytes,
        referenced_bytes: bytes.openapi({ description: "kept for it if it were the only snapshot" }),
        exclusive_bytes: bytes.openapi({ description: "freed if it were deleted" }),
        shared_bytes: bytes.openapi({ description: "referenced minus exclusive" }),
      }),
    ),
  })
  .openapi("WorkspaceUsage");
