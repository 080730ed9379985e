import { z } from "@hono/zod-openapi";
import type { Context } from "../context.js";
import { pageOfList } from "../paging.js";
import { paging, snapshotParam, workspaceParam } from "../schemas/fields.js";
import {
  createSnapshotBody,
  deletedSnapshotSchema,
  restoreBody,
  restoreSchema,
  restoreView,
  snapshotSchema,
  snapshotView,
} from "../schemas/snapshot.js";
import { forceQuery } from "../schemas/workspace.js";
import { apiRoute, json, optionalJsonBody } from "./api-route.js";
import type { App } from "./environment.js";
import { setNextCursor } from "./paging-header.js";

const tags = ["snapshots"];
const inWorkspace = z.object({ workspace: workspaceParam });
const one = z.object({ workspace: workspaceParam, snapshot: snapshotParam });

const create = apiRoute(
  { scope: "workspaces.write", audit: "snapshot.create" },
  {
    method: "post",
    path: "/v1/workspaces/{workspace}/snapshots",
    tags,
    summary: "Take a snapshot",
    description:
      "An active session's processes pause meanwhile and then go on; it never needs to end, so `force` changes nothing.",
    request: { params: inWorkspace, query: forceQuery, ...optionalJsonBody(createSnapshotBody) },
    responses: { 201: { description: "the snapshot", ...json(snapshotSchema) } },
  },
);

const list = apiRoute(
  { scope: "workspaces.read" },
  {
    method: "get",
    path: "/v1/workspaces/{workspace}/snapshots",
    tags,
    summary: "List snapshots, newest first",
    request: { params: inWorkspace, query: z.object(paging) },
    responses: { 200: { description: "the snapshots", ...json(z.array(snapshotSchema)) } },
  },
);

const show = apiRoute(
  { scope: "workspaces.read" },
  {
    method: "get",
    path: "/v1/workspaces/{workspace}/snapshots/{snapshot}",
    tags,
    summary: "Show a snapshot",
    request: { params: one },
    responses: { 200: { description: "the snapshot", ...json(snapshotSchema) } },
  },
);

const restore = apiRoute(
  { scope: "workspaces.write", audit: "snapshot.restore" },
  {
    method: "post",
    path: "/v1/workspaces/{workspace}/snapshots/{snapshot}/restore",
    tags,
    summary: "Put a workspace back to a snapshot",
    description:
      "Refused while a session is active, unless `force`, which ends it once snapshot and paths are found. A dry run lets it go on, after a " +
      "pause. The state before is kept as `undo_snapshot`.",
    request: { params: one, query: forceQuery, ...optionalJsonBody(restoreBody) },
    responses: { 200: { description: "what changed", ...json(restoreSchema) } },
  },
);

const remove = apiRoute(
  { scope: "workspaces.write", audit: "snapshot.delete" },
  {
    method: "delete",
    path: "/v1/workspaces/{workspace}/snapshots/{snapshot}",
    tags,
    summary: "Delete a snapshot",
    description: "It is answered when the bytes are free again: `freed_bytes` counts what came back.",
    request: { params: one },
    responses: { 200: { description: "what that freed", ...json(deletedSnapshotSchema) } },
  },
);

export function registerSnapshots(app: App, { snapshots }: Context): void {
  app.openapi(create, async (c) => {
    const { account } = c.get("principal");
    const snapshot = await snapshots.create(account, c.req.valid("param").workspace, c.req.valid("json"));
    c.set("auditTarget", snapshot.id);
    return c.json(snapshotView(snapshot), 201);
  });

  app.openapi(list, async (c) => {
    const { account } = c.get("principal");
    const all = await snapshots.usage(account, c.req.valid("param").workspace);
    const { rows, nextCursor } = await pageOfList(c.req.valid("query"), all);
    setNextCursor(c, nextCursor);
    return c.json(
      rows.map(({ snapshot, exclusiveBytes }) => snapshotView(snapshot, exclusiveBytes)),
      200,
    );
  });

  app.openapi(show, async (c) => {
    const { account } = c.get("principal");
    const { workspace, snapshot } = c.req.valid("param");
    const found = await snapshots.get(account, workspace, snapshot);
    const all = await snapshots.usage(account, workspace);
    const usage = all.find((other) => other.snapshot.id === found.id);
    return c.json(snapshotView(found, usage?.exclusiveBytes ?? null), 200);
  });

  app.openapi(restore, async (c) => {
    const { account } = c.get("principal");
    const { workspace, snapshot } = c.req.valid("param");
    const { paths, dry_run: dryRun = false } = c.req.valid("json");
    const { force = false } = c.req.valid("query");
    const outcome = await snapshots.restore(account, workspace, snapshot, { force, dryRun, paths });
    c.set("auditTarget", outcome.snapshot.id);
    return c.json(restoreView(outcome, dryRun), 200);
  });

  app.openapi(remove, async (c) => {
    const { account } = c.get("principal");
    const { workspace, snapshot } = c.req.valid("param");
    const { deleted, freedBytes } = await snapshots.delete(account, workspace, snapshot);
    c.set("auditTarget", deleted.id);
    return c.json({ id: deleted.id, name: deleted.name, freed_bytes: freedBytes }, 200);
  });
}
