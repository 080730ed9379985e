import { z } from "@hono/zod-openapi";
import { streamSSE } from "hono/streaming";
import type { Execution } from "@chaser/runtime";
import type { Context } from "../context.js";
import type { AccountRow } from "../db/tables.js";
import { ServerError, toServerError } from "../errors.js";
import { keepaliveIntervalMs, outputBytesDefault } from "../limits.js";
import { execBody, execSchema, execView, sessionExecBody, type ExecRequest } from "../schemas/exec.js";
import { collect, commandEvents } from "../sessions/command.js";
import type { Lease } from "../sessions/sessions.js";
import { apiRoute, jsonBody } from "./api-route.js";
import type { App, Request } from "./environment.js";
import { refuseBackground, refuseImage } from "./unsupported.js";

const tags = ["exec"];

const description =
  "With `Accept: text/event-stream` the answer is a stream of events: `start` (session_id), `stdout` and `stderr` " +
  '({"data": base64}), `keepalive`, then `complete` (exit_code, signal, timed_out, limits_hit, duration_ms, ' +
  "output_bytes, output_truncated) or `error` ({error}). A stream that ends without either is an error. A client that goes away ends the command.";

const responses = {
  200: {
    description: "how the command ended, or its events",
    content: {
      "application/json": { schema: execSchema },
      "text/event-stream": { schema: z.string() },
    },
  },
};

const exec = apiRoute(
  { scope: "exec.write", audit: "exec.run" },
  {
    method: "post",
    path: "/v1/exec",
    tags,
    summary: "Run a command on a workspace, or on a disk that is gone afterwards",
    description,
    request: jsonBody(execBody),
    responses,
  },
);

const sessionExec = apiRoute(
  { scope: "exec.write", audit: "exec.run" },
  {
    method: "post",
    path: "/v1/sessions/{session}/exec",
    tags,
    summary: "Run a command in a session",
    description,
    request: {
      params: z.object({ session: z.string().openapi({ param: { name: "session", in: "path" } }) }),
      ...jsonBody(sessionExecBody),
    },
    responses,
  },
);

/** A command to run in a leased session, and what to do with the session when it has ended. */
interface Run {
  account: AccountRow;
  lease: Lease;
  request: ExecRequest;
  finish: () => Promise<void>;
}

export function registerExec(app: App, context: Context): void {
  const { sessions, workspaces } = context;

  app.openapi(exec, async (c) => {
    const { account } = c.get("principal");
    const { workspace, ephemeral = workspace === undefined, image, ...request } = c.req.valid("json");
    refuseImage(image);
    refuseBackground(request.background);
    if (workspace !== undefined && ephemeral)
      throw new ServerError("invalid_request", "ephemeral: give either a workspace or ephemeral: true", {
        details: { path: "ephemeral" },
      });
    if (workspace === undefined) {
      const lease = await sessions.leaseEphemeral(account);
      return run(c, context, {
        account,
        lease,
        request,
        finish: () => sessions.end(lease.session, "finished"),
      });
    }
    const lease = await sessions.leaseFor(account, await workspaces.get(account, workspace));
    return run(c, context, { account, lease, request, finish: () => Promise.resolve() });
  });

  app.openapi(sessionExec, async (c) => {
    const { account } = c.get("principal");
    const request = c.req.valid("json");
    refuseBackground(request.background);
    const lease = sessions.lease(account, c.req.valid("param").session);
    return run(c, context, { account, lease, request, finish: () => Promise.resolve() });
  });
}

async function run(c: Request, context: Context, job: Run) {
  const { lease, request } = job;
  c.set("auditTarget", lease.session.id);
  const startedAtMs = Date.now();
  const settle = async (): Promise<void> => {
    lease.release();
    await job.finish().catch((error: unknown) => context.log.error("exec_finish", error));
  };
  try {
    const execution = await lease.session.start({
      command: request.command,
      cwd: request.cwd,
      env: request.env,
      timeoutMs: request.timeout_ms,
    });
    const record = (outcome: { durationMs: number; exitCode: number }): Promise<void> =>
      context.execRecords.add(job.account, { sessionId: lease.session.id, startedAtMs, ...outcome });
    if (wantsEvents(c)) return streamEvents(c, context, { job, execution, record, settle });

    const outcome = await collect(execution, {
      stdin: request.stdin,
      maxOutputBytes: request.max_output_bytes ?? outputBytesDefault,
      signal: c.req.raw.signal,
    });
    await record(outcome);
    await lease.session.assertNotStopped();
    await settle();
    return c.json(execView(outcome, lease.session.id), 200);
  } catch (error) {
    await settle();
    if (c.req.raw.signal.aborted) throw new ServerError("invalid_request", "the client went away");
    throw lease.session.stoppedBy ?? error;
  }
}

function wantsEvents(c: Request): boolean {
  return (c.req.header("Accept") ?? "").includes("text/event-stream");
}

interface Streaming {
  job: Run;
  execution: Execution;
  record: (outcome: { durationMs: number; exitCode: number }) => Promise<void>;
  settle: () => Promise<void>;
}

/** The command has been started, so what goes wrong from here on is an `error` event. */
function streamEvents(c: Request, context: Context, { job, execution, record, settle }: Streaming) {
  const kill = (): void => execution.kill("SIGKILL");
  c.req.raw.signal.addEventListener("abort", kill, { once: true });
  c.header("X-Accel-Buffering", "no");
  const requestId = c.get("requestId");
  return streamSSE(c, async (stream) => {
    let eventId = 0;
    const send = (event: string, data: unknown): Promise<void> =>
      stream.writeSSE({ id: String((eventId += 1)), event, data: JSON.stringify(data) });
    stream.onAbort(kill);
    if (stream.aborted) kill();
    const keepalive = setInterval(() => void send("keepalive", {}), keepaliveIntervalMs);
    try {
      await send("start", { session_id: job.lease.session.id });
      const { stdin, max_output_bytes: maxOutputBytes } = job.request;
      for await (const { event, data } of commandEvents(execution, { stdin, maxOutputBytes })) {
        if (event === "complete") {
          await record({ durationMs: data.duration_ms, exitCode: data.exit_code });
          await job.lease.session.assertNotStopped();
          await settle();
        }
        await send(event, data);
      }
    } catch (error) {
      kill();
      const { stoppedBy } = job.lease.session;
      if (stoppedBy === undefined) context.log.error("exec_stream", error, { request_id: requestId });
      await send("error", toServerError(stoppedBy ?? error).body(requestId));
    } finally {
      clearInterval(keepalive);
      c.req.raw.signal.removeEventListener("abort", kill);
      await settle();
    }
  });
}
