import { z } from "@hono/zod-openapi";
import type { Command } from "@chaser/runtime";
import type { Context } from "../context.js";
import { ServerError, toServerError } from "../errors.js";
import {
  commandParams,
  commandSchema,
  commandView,
  killBody,
  stdinQuery,
  stdinSchema,
  streamQuery,
} from "../schemas/command.js";
import { completeView } from "../schemas/exec.js";
import type { ActiveSession } from "../sessions/active-session.js";
import { apiRoute, json, optionalJsonBody } from "./api-route.js";
import type { App, Request } from "./environment.js";
import { answerEvents } from "./event-stream.js";

const tags = ["commands"];
const sessionParams = commandParams.pick({ session: true });

const list = apiRoute(
  { scope: "sessions.read" },
  {
    method: "get",
    path: "/v1/sessions/{session}/commands",
    tags,
    summary: "List a session's commands, newest first",
    description:
      "All that run, and the last that ended in the background. They are forgotten when the session ends.",
    request: { params: sessionParams },
    responses: { 200: { description: "the commands", ...json(z.array(commandSchema)) } },
  },
);

const show = apiRoute(
  { scope: "sessions.read" },
  {
    method: "get",
    path: "/v1/sessions/{session}/commands/{command}",
    tags,
    summary: "Show a command",
    request: { params: commandParams },
    responses: { 200: { description: "the command", ...json(commandSchema) } },
  },
);

const stream = apiRoute(
  { scope: "sessions.read" },
  {
    method: "get",
    path: "/v1/sessions/{session}/commands/{command}/stream",
    tags,
    summary: "Follow a command in the background, from any point of its output",
    description:
      "Events: `start`, `stdout` and `stderr` ({data: base64}), `dropped` ({bytes}: output that is no longer kept), `keepalive`, " +
      "then `complete` or `error`. The id of an event counts the bytes of output up to its end; `Last-Event-ID` or `offset` " +
      "goes on from there. Any number of readers may follow; none holds the command back. Going away ends nothing.",
    request: { params: commandParams, query: streamQuery },
    responses: {
      200: { description: "the events", content: { "text/event-stream": { schema: z.string() } } },
    },
  },
);

const stdin = apiRoute(
  { scope: "exec.write", audit: "exec.stdin" },
  {
    method: "post",
    path: "/v1/sessions/{session}/commands/{command}/stdin",
    tags,
    summary: "Give a command input",
    description:
      "The body is taken as it is. With `offset`, bytes that were received before are passed over; a gap is refused with " +
      "`stdin_gap` and the offset that is expected. The answer waits for the command to read.",
    request: {
      params: commandParams,
      query: stdinQuery,
      body: { required: false, content: { "application/octet-stream": { schema: z.string() } } },
    },
    responses: { 200: { description: "what was received", ...json(stdinSchema) } },
  },
);

const kill = apiRoute(
  { scope: "exec.write", audit: "exec.kill" },
  {
    method: "post",
    path: "/v1/sessions/{session}/commands/{command}/kill",
    tags,
    summary: "Send a signal to a command's process group",
    description: "Default SIGTERM. Does nothing when the command has ended.",
    request: { params: commandParams, ...optionalJsonBody(killBody) },
    responses: { 200: { description: "the command", ...json(commandSchema) } },
  },
);

export function registerCommands(app: App, context: Context): void {
  const { sessions } = context;

  app.openapi(list, (c) => {
    const session = sessions.running(c.get("principal").account, c.req.valid("param").session);
    return c.json(
      session.commands().map((command) => commandView(command, session.id)),
      200,
    );
  });

  app.openapi(show, (c) => {
    const param = c.req.valid("param");
    const session = sessions.running(c.get("principal").account, param.session);
    return c.json(commandView(session.command(param.command), session.id), 200);
  });

  app.openapi(stream, (c) => {
    const param = c.req.valid("param");
    const session = sessions.running(c.get("principal").account, param.session);
    const command = session.command(param.command);
    const offset = startOf(c, command, c.req.valid("query").offset);
    return follow(c, context, { session, command, offset });
  });

  app.openapi(stdin, async (c) => {
    const param = c.req.valid("param");
    const { offset, eof } = c.req.valid("query");
    const { session, release } = sessions.lease(c.get("principal").account, param.session);
    try {
      const command = session.command(param.command);
      c.set("auditTarget", command.id);
      // One entry for all of a command's input, not one for each piece.
      if (command.input.receivedBytes > 0) c.set("auditAction", undefined);
      const state = await command.write(Buffer.from(await c.req.arrayBuffer()), {
        signal: c.req.raw.signal,
        ...(offset === undefined ? {} : { offset }),
        ...(eof === undefined ? {} : { end: eof }),
      });
      return c.json({ received_bytes: state.receivedBytes, eof: state.ended }, 200);
    } finally {
      release();
    }
  });

  app.openapi(kill, (c) => {
    const param = c.req.valid("param");
    const { session, release } = sessions.lease(c.get("principal").account, param.session);
    release();
    const command = session.command(param.command);
    c.set("auditTarget", command.id);
    command.kill(c.req.valid("json").signal);
    return c.json(commandView(command, session.id), 200);
  });
}

/** Where a reader wants to begin. */
function startOf(c: Request, command: Command, given: number | undefined): number {
  if (command.output === null)
    throw new ServerError(
      "invalid_request",
      "a command in the foreground is followed only by who started it",
    );
  const lastEventId = c.req.header("Last-Event-ID");
  const offset = lastEventId === undefined ? (given ?? 0) : Number(lastEventId);
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= command.output.endOffset) return offset;
  const field = lastEventId === undefined ? "offset" : "Last-Event-ID";
  throw new ServerError("invalid_request", `${field}: the command has not printed so much`, {
    details: { path: field, output_bytes: command.output.endOffset },
  });
}

function follow(
  c: Request,
  context: Context,
  { session, command, offset }: { session: ActiveSession; command: Command; offset: number },
) {
  const release = session.use();
  const requestId = c.get("requestId");
  return answerEvents(c, async ({ send, gone }) => {
    let at = offset;
    try {
      await send("start", { session_id: session.id, command_id: command.id, pid: command.pid, offset }, at);
      for await (const { stream, bytes, offset: from, lostBytes } of command.output?.follow(offset, gone) ??
        []) {
        if (lostBytes > 0) await send("dropped", { bytes: lostBytes }, from);
        at = from + bytes.length;
        if (bytes.length > 0) await send(stream, { data: bytes.toString("base64") }, at);
      }
      if (gone.aborted) return;
      await command.ended;
      await session.assertNotStopped();
      if (command.result === null) throw command.error ?? new Error("a command ended without a result");
      await send("complete", completeView(command.result, { outputBytes: at, truncated: false }), at);
    } catch (error) {
      const { stoppedBy } = session;
      const shown = toServerError(stoppedBy ?? error);
      if (shown.status >= 500) context.log.error("command_stream", error, { request_id: requestId });
      await send("error", shown.body(requestId), at);
    } finally {
      release();
    }
  });
}
