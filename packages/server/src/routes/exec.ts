import { z } from "@hono/zod-openapi";
import type { Execution } from "@chaser/runtime";
import type { Context } from "../context.js";
import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { answeredOutputBytesMax } from "../limits.js";
import { backgroundSchema } from "../schemas/command.js";
import {
  completeView,
  execBody,
  execSchema,
  execView,
  sessionExecBody,
  type ExecRequest,
} from "../schemas/exec.js";
import { collect, commandEvents } from "../sessions/command.js";
import type { CommandSpec } from "../sessions/active-session.js";
import { warningsOf, type Lease } from "../sessions/sessions.js";
import { apiRoute, jsonBody } from "./api-route.js";
import type { App, Request } from "./environment.js";
import { answerEvents, wantsEvents } from "./event-stream.js";
import { refuseImageOfWorkspace } from "./unsupported.js";

const tags = ["exec"];

const description =
  "With `background` the answer is `command_id`, `pid` and `session_id`; a session for it alone stays until it is not used any " +
  "more. With `Accept: text/event-stream` it is a stream of events: `start` (session_id, command_id, warnings), `stdout` and `stderr` " +
  '({"data": base64}), `keepalive`, then `complete` (exit_code, signal, timed_out, limits_hit, duration_ms, output_bytes, ' +
  "output_truncated) or `error` ({error}). A stream that ends without either is an error. A client that goes away ends the command.";

const responses = {
  200: {
    description: "how the command ended, its events, or its id in the background",
    content: {
      "application/json": { schema: z.union([execSchema, backgroundSchema]) },
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
    const { signal } = c.req.raw;
    const { workspace, ephemeral = workspace === undefined, image, ...request } = c.req.valid("json");
    refuseImageOfWorkspace(image, workspace);
    if ((workspace === undefined) !== ephemeral)
      throw new ServerError("invalid_request", "ephemeral: give either a workspace or ephemeral: true", {
        details: { path: "ephemeral" },
      });
    if (workspace === undefined) {
      const lease = await sessions.leaseEphemeral(account, { image, signal });
      return run(c, context, {
        account,
        lease,
        request,
        finish: () => sessions.end(lease.session, "finished"),
      });
    }
    const lease = await sessions.leaseFor(account, await workspaces.get(account, workspace), { signal });
    return run(c, context, { account, lease, request, finish: () => Promise.resolve() });
  });

  app.openapi(sessionExec, async (c) => {
    const { account } = c.get("principal");
    const request = c.req.valid("json");
    const lease = sessions.lease(account, c.req.valid("param").session);
    return run(c, context, { account, lease, request, finish: () => Promise.resolve() });
  });
}

async function run(c: Request, context: Context, job: Run) {
  const { lease, request } = job;
  c.set("auditTarget", lease.session.id);
  const events = wantsEvents(c);
  const startedAtMs = Date.now();
  const record: Recorder = (outcome) =>
    context.execRecords.add(job.account, { sessionId: lease.session.id, startedAtMs, ...outcome });
  if (request.background === true) return c.json(await startInBackground(context, job, record), 200);
  const settle = async (): Promise<void> => {
    lease.release();
    await job.finish().catch((error: unknown) => context.log.error("exec_finish", error));
  };
  try {
    if (request.terminal !== undefined)
      throw new ServerError("invalid_request", "terminal: needs background: true; attach to it by its id", {
        details: { path: "terminal" },
      });
    if (request.stdin_open === true && (!events || request.stdin !== undefined))
      throw new ServerError(
        "invalid_request",
        "stdin_open: in the foreground, it needs Accept: text/event-stream and no stdin",
        { details: { path: "stdin_open" } },
      );
    if (!events && (request.max_output_bytes ?? 0) > answeredOutputBytesMax)
      throw new ServerError(
        "invalid_request",
        `max_output_bytes: a JSON answer holds at most ${answeredOutputBytesMax} bytes`,
        {
          details: { path: "max_output_bytes", max_bytes: answeredOutputBytesMax },
          suggestion:
            "ask with Accept: text/event-stream, or let the command write to a file and download it",
        },
      );
    const execution = await lease.session.start(commandSpec(request));
    if (events) return streamEvents(c, context, { job, execution, record, settle });

    const outcome = await collect(execution, {
      stdin: request.stdin,
      maxOutputBytes: request.max_output_bytes ?? answeredOutputBytesMax,
      signal: c.req.raw.signal,
    });
    await record(outcome);
    await lease.session.assertNotStopped();
    await settle();
    return c.json(execView(outcome, { sessionId: lease.session.id, warnings: warningsOf(lease) }), 200);
  } catch (error) {
    await settle();
    if (c.req.raw.signal.aborted) throw new ServerError("invalid_request", "the client went away");
    throw lease.session.stoppedBy ?? error;
  }
}

type Recorder = (outcome: { durationMs: number; exitCode: number }) => Promise<void>;

function commandSpec(request: ExecRequest): CommandSpec {
  const { command, cwd, env, user, timeout_ms: timeoutMs, max_output_bytes: maxOutputBytes } = request;
  return { command, cwd, env, user, timeoutMs, maxOutputBytes };
}

/** The session is in use while the command runs, as if somebody waited for it. */
async function startInBackground(context: Context, { lease, request, finish }: Run, record: Recorder) {
  const { session } = lease;
  const warnings = warningsOf(lease);
  try {
    const command =
      request.terminal === undefined
        ? await session.startInBackground(commandSpec(request))
        : await session.openTerminal(commandSpec(request), request.terminal);
    const { stdin, stdin_open: stdinOpen = stdin === undefined } = request;
    // Not waited for: the command may take its time to read, or never do it.
    if (stdin !== undefined || !stdinOpen)
      command.write(Buffer.from(stdin ?? ""), { end: !stdinOpen }).catch(() => undefined);
    void command.ended
      .then(() => (command.result === null ? undefined : record(command.result)))
      .catch((error: unknown) => context.log.error("exec_record", error));
    return { command_id: command.id, pid: command.pid, session_id: session.id, warnings };
  } catch (error) {
    await finish().catch((failure: unknown) => context.log.error("exec_finish", failure));
    throw session.stoppedBy ?? error;
  } finally {
    lease.release();
  }
}

interface Streaming {
  job: Run;
  execution: Execution;
  record: Recorder;
  settle: () => Promise<void>;
}

/** The command has been started, so what goes wrong from here on is an `error` event. */
function streamEvents(c: Request, context: Context, { job, execution, record, settle }: Streaming) {
  return answerEvents(c, context.log, async ({ send, gone }) => {
    const kill = (): void => execution.kill("SIGKILL");
    gone.addEventListener("abort", kill);
    if (gone.aborted) kill();
    let at = 0;
    try {
      const { session } = job.lease;
      const start = { session_id: session.id, command_id: execution.id, warnings: warningsOf(job.lease) };
      await send("start", start, at);
      const { stdin, stdin_open: stdinOpen = false, max_output_bytes: maxOutputBytes } = job.request;
      for await (const event of commandEvents(execution, { stdin, stdinOpen, maxOutputBytes })) {
        if (event.event === "complete") {
          await record(event.result);
          await job.lease.session.assertNotStopped();
          await settle();
          await send("complete", completeView(event.result, event), at);
        } else {
          at += event.bytes.length;
          await send(event.event, { data: event.bytes.toString("base64") }, at);
        }
      }
    } catch (error) {
      kill();
      throw job.lease.session.stoppedBy ?? error;
    } finally {
      await settle();
    }
  });
}
