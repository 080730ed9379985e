import { z } from "@hono/zod-openapi";
import type { EgressRule } from "@chaser/runtime";
import type { Context } from "../context.js";
import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import {
  bulkTerminateBody,
  bulkTerminateSchema,
  createSessionBody,
  listSessionsQuery,
  sessionSchema,
  sessionView,
  startedSessionSchema,
} from "../schemas/session.js";
import { processSchema, processView, selfTestSchema, selfTestView } from "../schemas/command.js";
import { bulkTerminate } from "../sessions/bulk-terminate.js";
import { warningsOf, type Lease } from "../sessions/sessions.js";
import { apiRoute, json, jsonBody } from "./api-route.js";
import type { App } from "./environment.js";
import { setNextCursor } from "./paging-header.js";
import { refuseBrowser, refuseImageOfWorkspace } from "./unsupported.js";

const tags = ["sessions"];
const params = z.object({ session: z.string().openapi({ param: { name: "session", in: "path" } }) });

const create = apiRoute(
  { scope: "sessions.write", audit: "session.create" },
  {
    method: "post",
    path: "/v1/sessions",
    tags,
    summary: "Start a session, or use the one that runs on the workspace",
    request: jsonBody(createSessionBody),
    responses: {
      200: { description: "the session that runs on the workspace already", ...json(startedSessionSchema) },
      201: { description: "the new session", ...json(startedSessionSchema) },
    },
  },
);

const list = apiRoute(
  { scope: "sessions.read" },
  {
    method: "get",
    path: "/v1/sessions",
    tags,
    summary: "List sessions, newest first",
    request: { query: listSessionsQuery },
    responses: { 200: { description: "the sessions", ...json(z.array(sessionSchema)) } },
  },
);

const show = apiRoute(
  { scope: "sessions.read" },
  {
    method: "get",
    path: "/v1/sessions/{session}",
    tags,
    summary: "Show a session",
    request: { params },
    responses: { 200: { description: "the session", ...json(sessionSchema) } },
  },
);

const stop = apiRoute(
  { scope: "sessions.write", audit: "session.stop" },
  {
    method: "delete",
    path: "/v1/sessions/{session}",
    tags,
    summary: "End a session with everything that runs in it",
    request: { params },
    responses: { 204: { description: "ended" } },
  },
);

const processes = apiRoute(
  { scope: "sessions.read" },
  {
    method: "get",
    path: "/v1/sessions/{session}/processes",
    tags,
    summary: "List what runs in a session, also what outlived its command",
    request: { params },
    responses: { 200: { description: "the processes", ...json(z.array(processSchema)) } },
  },
);

const selfTest = apiRoute(
  { scope: "exec.write", audit: "exec.self_test" },
  {
    method: "post",
    path: "/v1/sessions/{session}/self-test",
    tags,
    summary: "Try from inside a session what it promises",
    request: { params },
    responses: { 200: { description: "what works", ...json(selfTestSchema) } },
  },
);

const bulk = apiRoute(
  { scope: "sessions.write", audit: "session.bulk_terminate" },
  {
    method: "post",
    path: "/v1/sessions/bulk-terminate",
    tags,
    summary: "End several sessions, each settled on its own",
    request: jsonBody(bulkTerminateBody),
    responses: { 200: { description: "what became of each", ...json(bulkTerminateSchema) } },
  },
);

export function registerSessions(app: App, context: Context): void {
  const { sessions, workspaces } = context;

  const begin = async (
    account: AccountRow,
    body: {
      workspace?: string | undefined;
      ephemeral?: boolean | undefined;
      image?: string | undefined;
      ttl_seconds?: number | undefined;
      egress?: EgressRule[] | undefined;
    },
    signal: AbortSignal,
  ): Promise<Lease> => {
    if ((body.workspace === undefined) === (body.ephemeral !== true))
      throw new ServerError("invalid_request", "workspace: give either a workspace or ephemeral: true", {
        details: { path: "workspace" },
      });
    const wishes = { ttlSeconds: body.ttl_seconds, egress: body.egress, signal };
    if (body.workspace === undefined)
      return sessions.leaseEphemeral(account, { ...wishes, image: body.image });
    return sessions.leaseFor(account, await workspaces.get(account, body.workspace), wishes);
  };

  app.openapi(create, async (c) => {
    const { account } = c.get("principal");
    const body = c.req.valid("json");
    refuseImageOfWorkspace(body.image, body.workspace);
    refuseBrowser(body.session_type);
    const lease = await begin(account, body, c.req.raw.signal);
    lease.release();
    c.set("auditTarget", lease.session.id);
    const row = await sessions.get(account, lease.session.id);
    const view = { ...sessionView(row), warnings: warningsOf(lease) };
    return lease.created ? c.json(view, 201) : c.json(view, 200);
  });

  app.openapi(list, async (c) => {
    const { account } = c.get("principal");
    const { limit, cursor, status, workspace } = c.req.valid("query");
    const workspaceId = workspace === undefined ? undefined : (await workspaces.get(account, workspace)).id;
    const found = await sessions.list(account, { status, workspaceId }, { limit, cursor });
    setNextCursor(c, found.nextCursor);
    return c.json(found.rows.map(sessionView), 200);
  });

  app.openapi(bulk, async (c) => {
    const { account } = c.get("principal");
    const results = await bulkTerminate({ sessions, workspaces }, account, c.req.valid("json"));
    return c.json(
      { results: results.map((r) => ({ id: r.asked, session_id: r.sessionId, status: r.status })) },
      200,
    );
  });

  app.openapi(show, async (c) => {
    const { account } = c.get("principal");
    return c.json(sessionView(await sessions.get(account, c.req.valid("param").session)), 200);
  });

  app.openapi(processes, (c) => {
    const session = sessions.running(c.get("principal").account, c.req.valid("param").session);
    return c.json(session.processes().map(processView), 200);
  });

  app.openapi(selfTest, async (c) => {
    const { session, release } = sessions.lease(c.get("principal").account, c.req.valid("param").session);
    c.set("auditTarget", session.id);
    try {
      return c.json(selfTestView(await session.selfTest()), 200);
    } finally {
      release();
    }
  });

  app.openapi(stop, async (c) => {
    const { account } = c.get("principal");
    const row = await sessions.stop(account, c.req.valid("param").session);
    c.set("auditTarget", row.id);
    return c.body(null, 204);
  });
}
