import { z } from "@hono/zod-openapi";
import { StoreError } from "@chaser/store";
import type { Context } from "../context.js";
import type { AccountRow, WorkspaceRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { workspaceParam } from "../schemas/fields.js";
import {
  createWorkspaceBody,
  forceQuery,
  listWorkspacesQuery,
  renameBody,
  templateBody,
  usageSchema,
  workspaceSchema,
  type Workspace,
} from "../schemas/workspace.js";
import { apiRoute, json, jsonBody } from "./api-route.js";
import type { App } from "./environment.js";
import { setNextCursor } from "./paging-header.js";
import { refuseBrowser } from "./unsupported.js";
import { workspaceAnswer } from "./workspace-answer.js";

const tags = ["workspaces"];
const params = z.object({ workspace: workspaceParam });

const create = apiRoute(
  { scope: "workspaces.write", audit: "workspace.create" },
  {
    method: "post",
    path: "/v1/workspaces",
    tags,
    summary: "Create a workspace, or clone one",
    request: jsonBody(createWorkspaceBody),
    responses: { 201: { description: "the workspace", ...json(workspaceSchema) } },
  },
);

const list = apiRoute(
  { scope: "workspaces.read" },
  {
    method: "get",
    path: "/v1/workspaces",
    tags,
    summary: "List workspaces, newest first",
    request: { query: listWorkspacesQuery },
    responses: { 200: { description: "the workspaces", ...json(z.array(workspaceSchema)) } },
  },
);

const show = apiRoute(
  { scope: "workspaces.read" },
  {
    method: "get",
    path: "/v1/workspaces/{workspace}",
    tags,
    summary: "Show a workspace",
    request: { params },
    responses: { 200: { description: "the workspace", ...json(workspaceSchema) } },
  },
);

const rename = apiRoute(
  { scope: "workspaces.write", audit: "workspace.rename" },
  {
    method: "put",
    path: "/v1/workspaces/{workspace}/name",
    tags,
    summary: "Rename a workspace, or take its name away",
    request: { params, ...jsonBody(renameBody) },
    responses: { 200: { description: "the workspace", ...json(workspaceSchema) } },
  },
);

const markTemplate = apiRoute(
  { scope: "workspaces.write", audit: "workspace.template" },
  {
    method: "put",
    path: "/v1/workspaces/{workspace}/template",
    tags,
    summary: "Mark a workspace as a template, or no longer",
    request: { params, ...jsonBody(templateBody) },
    responses: { 200: { description: "the workspace", ...json(workspaceSchema) } },
  },
);

const remove = apiRoute(
  { scope: "workspaces.write", audit: "workspace.delete" },
  {
    method: "delete",
    path: "/v1/workspaces/{workspace}",
    tags,
    summary: "Delete a workspace with its snapshots",
    description:
      "Clones of it are not affected. `force` ends an active session first. It is answered when the bytes are free again.",
    request: { params, query: forceQuery },
    responses: { 204: { description: "deleted" } },
  },
);

const usage = apiRoute(
  { scope: "workspaces.read" },
  {
    method: "get",
    path: "/v1/workspaces/{workspace}/usage",
    tags,
    summary: "What a workspace holds, in allocated bytes",
    request: { params },
    responses: { 200: { description: "the figures", ...json(usageSchema) } },
  },
);

export function registerWorkspaces(app: App, context: Context): void {
  const { workspaces, snapshots } = context;

  const view = (account: AccountRow, row: WorkspaceRow, measured?: "now" | "last"): Promise<Workspace> =>
    workspaceAnswer(context, account, row, measured);

  /** One that was deleted since the list was read must not take the others with it. */
  const listed = (account: AccountRow, row: WorkspaceRow): Promise<Workspace> =>
    view(account, row).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === "disk_not_found") return view(account, row, "last");
      throw error;
    });

  app.openapi(create, async (c) => {
    const { account } = c.get("principal");
    const body = c.req.valid("json");
    refuseBrowser(body.session_type);
    if (body.session_type === undefined && body.clone_from === undefined)
      throw new ServerError("invalid_request", "session_type: required, unless clone_from is given", {
        details: { path: "session_type" },
        suggestion: 'set "session_type" to "sandbox"',
      });
    const { name, template, image, clone_from: from } = body;
    if (image !== undefined && from !== undefined)
      throw new ServerError("invalid_request", "image: a clone has the image of its source", {
        details: { path: "image" },
      });
    const row =
      from === undefined
        ? await workspaces.create(account, { name, template, image, signal: c.req.raw.signal })
        : await workspaces.clone(account, { from, name, template });
    c.set("auditTarget", row.id);
    // A clone takes the same time whatever its size; measuring it would not.
    return c.json(await view(account, row, from === undefined ? "now" : "last"), 201);
  });

  app.openapi(list, async (c) => {
    const { account } = c.get("principal");
    const { limit, cursor, ...filter } = c.req.valid("query");
    const { rows, nextCursor } = await workspaces.list(account, filter, { limit, cursor });
    setNextCursor(c, nextCursor);
    return c.json(await Promise.all(rows.map((row) => listed(account, row))), 200);
  });

  app.openapi(show, async (c) => {
    const { account } = c.get("principal");
    const row = await workspaces.get(account, c.req.valid("param").workspace);
    return c.json(await view(account, row), 200);
  });

  app.openapi(rename, async (c) => {
    const { account } = c.get("principal");
    const { name } = c.req.valid("json");
    const row = await workspaces.rename(account, c.req.valid("param").workspace, name);
    c.set("auditTarget", row.id);
    return c.json(await view(account, row), 200);
  });

  app.openapi(markTemplate, async (c) => {
    const { account } = c.get("principal");
    const { template } = c.req.valid("json");
    const row = await workspaces.setTemplate(account, c.req.valid("param").workspace, template);
    c.set("auditTarget", row.id);
    return c.json(await view(account, row), 200);
  });

  app.openapi(remove, async (c) => {
    const { account } = c.get("principal");
    const { id } = await workspaces.delete(
      account,
      c.req.valid("param").workspace,
      c.req.valid("query").force ?? false,
    );
    c.set("auditTarget", id);
    return c.body(null, 204);
  });

  app.openapi(usage, async (c) => {
    const { account } = c.get("principal");
    const row = await workspaces.get(account, c.req.valid("param").workspace);
    const figures = await workspaces.diskUsage(account, row);
    const list = await snapshots.usage(account, row.id);
    return c.json(
      {
        workspace_id: row.id,
        logical_bytes: await workspaces.logicalBytes(account, row),
        referenced_bytes: figures.referencedBytes,
        referenced_inodes: figures.referencedInodes,
        exclusive_bytes: figures.exclusiveBytes,
        shared_bytes: figures.referencedBytes - figures.exclusiveBytes,
        written_bytes: figures.upperBytes,
        snapshots: list.map(({ snapshot, referencedBytes, exclusiveBytes, sharedBytes }) => ({
          id: snapshot.id,
          name: snapshot.name,
          logical_bytes: snapshot.logicalBytes,
          new_bytes: snapshot.newBytes,
          referenced_bytes: referencedBytes,
          exclusive_bytes: exclusiveBytes,
          shared_bytes: sharedBytes,
        })),
      },
      200,
    );
  });
}
