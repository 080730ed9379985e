import { z } from "@hono/zod-openapi";
import type { Command } from "@chaser/runtime";
import type { Context } from "../context.js";
import type { AccountRow } from "../db/tables.js";
import { ServerError } from "../errors.js";
import { pageOfList } from "../paging.js";
import {
  commandParams,
  commandSchema,
  commandView,
  killBody,
  stdinQuery,
  stdinSchema,
  streamQuery,
} from "../schemas/command.js";
import { paging } from "../schemas/fields.js";
import { completeView, keptCompleteView } from "../schemas/exec.js";
import type { ActiveSession } from "../sessions/active-session.js";
import type { KeptCommand } from "../sessions/kept-commands.js";
import { apiRoute, json, optionalJsonBody } from "./api-route.js";
import type { App, Request } from "./environment.js";
import { answerEvents } from "./event-stream.js";
import { setNextCursor } from "./paging-header.js";

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
      "All that run, and the last that ended in the background. When the session has ended they are kept for a day, the last 200 " +
      "of the account, with the last 64 KiB of what each printed.",
    request: { params: sessionParams, query: z.object(paging) },
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

const find = apiRoute(
  { scope: "sessions.read" },
  {
    method: "get",
    path: "/v1/commands/{command}",
    tags,
    summary: "Show a command, whichever session it is or was in",
    request: { params: commandParams.pick({ command: true }) },
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
  const { sessions, keptCommands } = context;

  async function keptCommand(account: AccountRow, id: string): Promise<KeptCommand> {
    const kept = await keptCommands.find(account, id);
    if (kept !== undefined) return kept;
    throw new ServerError("not_found", `no command ${id}`, {
      suggestion: "one in the foreground is forgotten with its end, others a day after their session's",
    });
  }

  async function lookUp(
    account: AccountRow,
    of: { session: string; command: string },
  ): Promise<KeptCommand | { session: ActiveSession; command: Command }> {
    const session = await sessions.settled(account, of.session);
    if (session !== undefined) return { session, command: session.command(of.command) };
    const kept = await keptCommand(account, of.command);
    if (kept.view.session_id === of.session) return kept;
    throw new ServerError("not_found", `no command ${of.command} in session ${of.session}`);
  }

  app.openapi(list, async (c) => {
    const { account } = c.get("principal");
    const id = c.req.valid("param").session;
    const session = await sessions.settled(account, id);
    const views =
      session === undefined
        ? (await keptCommands.list(account, id)).map(({ view }) => view)
        : session.commands().map((command) => commandView(command, id));
    const { rows, nextCursor } = await pageOfList(c.req.valid("query"), views);
    setNextCursor(c, nextCursor);
    return c.json(rows, 200);
  });

  app.openapi(show, async (c) => {
    const { account } = c.get("principal");
    const found = await lookUp(account, c.req.valid("param"));
    return c.json("view" in found ? found.view : commandView(found.command, found.session.id), 200);
  });

  app.openapi(find, async (c) => {
    const { account } = c.get("principal");
    const id = c.req.valid("param").command;
    const running = sessions.findCommand(account, id);
    if (running !== undefined) return c.json(commandView(running.command, running.session.id), 200);
    return c.json((await keptCommand(account, id)).view, 200);
  });

  app.openapi(stream, async (c) => {
    const found = await lookUp(c.get("principal").account, c.req.valid("param"));
    const given = c.req.valid("query").offset;
    if ("view" in found) return replay(c, context, found, startOf(c, found.view.output_bytes, given));
    const offset = startOf(c, found.command.output?.endOffset ?? null, given);
    return follow(c, context, { ...found, offset });
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
function startOf(c: Request, endOffset: number | null, given: number | undefined): number {
  if (endOffset === null)
    throw new ServerError(
      "invalid_request",
      "a command in the foreground is followed only by who started it",
    );
  const lastEventId = c.req.header("Last-Event-ID");
  const offset = lastEventId === undefined ? (given ?? 0) : Number(lastEventId);
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= endOffset) return offset;
  const field = lastEventId === undefined ? "offset" : "Last-Event-ID";
  throw new ServerError("invalid_request", `${field}: the command has not printed so much`, {
    details: { path: field, output_bytes: endOffset },
  });
}

/** What `follow` gives of a command that has ended, from what is kept of it. */
function replay(c: Request, { log }: Context, { view, output }: KeptCommand, offset: number) {
  const requestId = c.get("requestId");
  return answerEvents(c, log, async ({ send, gone }) => {
    let at = offset;
    await send("start", { session_id: view.session_id, command_id: view.id, pid: view.pid, offset }, at);
    for (const { stream, bytes, offset: from } of output(offset)) {
      if (gone.aborted) return;
      if (from > at) await send("dropped", { bytes: from - at }, from);
      at = from + bytes.length;
      await send(stream, { data: bytes.toString("base64") }, at);
    }
    if (view.exit_code === null) await send("error", { error: { ...view.error, request_id: requestId } }, at);
    else await send("complete", keptCompleteView(view), at);
  });
}

function follow(
  c: Request,
  context: Context,
  { session, command, offset }: { session: ActiveSession; command: Command; offset: number },
) {
  const release = session.use();
  return answerEvents(c, context.log, async ({ send, gone }) => {
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
      throw session.stoppedBy ?? error;
    } finally {
      release();
    }
  });
}
