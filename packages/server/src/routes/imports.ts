import { z } from "@hono/zod-openapi";
import type { ImportProgress } from "@chaser/runtime";
import type { Context } from "../context.js";
import type { AccountRow, WorkspaceRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { importProgressMs } from "../limits.js";
import { importWorkspaceBody, workspaceSchema } from "../schemas/workspace.js";
import { apiRoute, json, jsonBody } from "./api-route.js";
import type { App, Request } from "./environment.js";
import { answerEvents, wantsEvents } from "./event-stream.js";
import { workspaceAnswer } from "./workspace-answer.js";

const importWorkspace = apiRoute(
  { scope: "workspaces.write", audit: "workspace.import" },
  {
    method: "post",
    path: "/v1/workspaces/import",
    tags: ["workspaces"],
    summary: "Make a workspace from a Git repository",
    description:
      "Fetches one commit, without history, submodules or hooks. A session that starts while `/workspace` is empty fetches it again, without the " +
      "token. With `Accept: text/event-stream` the answer is a stream of events: `progress` (phase, done, total), `keepalive`, then " +
      "`complete` (the workspace) or `error` ({error}). A client that goes away ends the import, and nothing of it stays.",
    request: jsonBody(importWorkspaceBody),
    responses: {
      201: { description: "the workspace", ...json(workspaceSchema) },
      200: { description: "its events", content: { "text/event-stream": { schema: z.string() } } },
    },
  },
);

interface Job {
  account: AccountRow;
  run: (onProgress?: (progress: ImportProgress) => void) => Promise<WorkspaceRow>;
}

export function registerImports(app: App, context: Context): void {
  app.openapi(importWorkspace, async (c) => {
    const { account } = c.get("principal");
    const { github_repo: repository, ref = null, name, token } = c.req.valid("json");
    const left = new AbortController();
    const leave = (): void => left.abort(new ServerError("invalid_request", "the client went away"));
    c.req.raw.signal.addEventListener("abort", leave, { once: true });
    const { signal } = left;
    const job: Job = {
      account,
      run: (onProgress) =>
        context.workspaces.import(account, { repository, ref, name, token, signal, onProgress }),
    };
    if (wantsEvents(c)) return streamImport(c, context, job, leave);
    const row = await job.run();
    c.set("auditTarget", row.id);
    return c.json(await workspaceAnswer(context, account, row), 201);
  });
}

function streamImport(c: Request, context: Context, job: Job, leave: () => void) {
  // It is done when the stream ends, not when it begins.
  const action = c.get("auditAction") ?? "";
  c.set("auditAction", undefined);
  const { keyId } = c.get("principal");
  const requestId = c.get("requestId");
  return answerEvents(c, context.log, async ({ send, gone }) => {
    gone.addEventListener("abort", leave);
    if (gone.aborted) leave();
    let last = { phase: "", atMs: 0 };
    const row = await job.run((progress) => {
      const atMs = Date.now();
      if (
        progress.phase === last.phase &&
        progress.done < progress.total &&
        atMs - last.atMs < importProgressMs
      )
        return;
      last = { phase: progress.phase, atMs };
      void send("progress", progress);
    });
    await context.audit.record({ accountId: job.account.id, keyId, action, target: row.id, requestId });
    await context.db.durable();
    await send("complete", await workspaceAnswer(context, job.account, row));
  });
}
