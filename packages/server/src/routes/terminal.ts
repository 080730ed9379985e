import type { Command } from "@chaser/runtime";
import type { WebSocket } from "ws";
import type { Context } from "../context.js";
import { ServerError, toServerError } from "../errors.js";
import { terminalInputBytesMax } from "../limits.js";
import { commandParams } from "../schemas/command.js";
import { terminalControl, terminalQuery, type TerminalQuery } from "../schemas/terminal.js";
import { terminalSizeDefault, type ActiveSession, type CommandSpec } from "../sessions/active-session.js";
import { apiRoute } from "./api-route.js";
import type { App } from "./environment.js";
import { acceptWebSocket, requireUpgrade, whenConnectionCloses } from "./web-socket.js";

const pty = apiRoute(
  { scope: "exec.write", audit: "exec.terminal" },
  {
    method: "get",
    path: "/v1/sessions/{session}/pty",
    tags: ["commands"],
    summary: "Open a terminal, or attach to one (WebSocket)",
    description:
      "Binary messages carry what is typed and shown. Text messages are JSON. From the client: `resize` (columns, rows) and " +
      "`signal` (signal). From the server: `attached` (pty_id, pid, columns, rows, offset), `dropped` (bytes: output no longer " +
      "kept), `exit` (exit_code, signal, timed_out), after which it closes, and `error` (error). Several clients may be attached; " +
      "the last `resize` holds. Going away leaves the terminal running, until its session ends. A browser, which cannot set " +
      "headers, offers the protocols `chaser` and `chaser.key.sk_...`; pages of another origin are refused.",
    request: { params: commandParams.pick({ session: true }), query: terminalQuery },
    responses: { 101: { description: "the terminal" } },
  },
);

/** Bash where there is one. The prompt is its own only: other shells would show it as it stands here. */
function loginShell(prompt: string): string {
  return `if command -v bash >/dev/null 2>&1; then PS1='${prompt}' exec bash -l; fi; exec sh -l`;
}

const modes: Record<
  NonNullable<TerminalQuery["mode"]>,
  { shell: string | null; env: Record<string, string> }
> = {
  human: { shell: loginShell("\\u:\\w\\$ "), env: {} },
  agent: {
    shell: loginShell("\\$ "),
    env: { TERM: "dumb", NO_COLOR: "1", PAGER: "cat", GIT_PAGER: "cat", GIT_TERMINAL_PROMPT: "0" },
  },
  exec: { shell: null, env: {} },
};

export function registerTerminal(app: App, context: Context): void {
  const { sessions } = context;

  app.openapi(pty, async (c) => {
    const query = c.req.valid("query");
    const { session, release } = sessions.lease(c.get("principal").account, c.req.valid("param").session);
    try {
      requireUpgrade(c);
      const command = await terminalFor(session, query);
      c.set("auditTarget", command.id);
      const offset = query.offset ?? command.output?.startOffset ?? 0;
      const response = acceptWebSocket(c, (socket) => {
        void serve(socket, { session, command, offset, requestId: c.get("requestId") }).catch(
          (error: unknown) => {
            context.log.error("terminal", error);
            socket.terminate();
          },
        );
      });
      whenConnectionCloses(c, release);
      return response;
    } catch (error) {
      release();
      throw error;
    }
  });
}

async function terminalFor(session: ActiveSession, query: TerminalQuery): Promise<Command> {
  const { mode = "human", command: given, pty_id: id, columns, rows, cwd, user } = query;
  if (id !== undefined) {
    const found = session.command(id);
    if (found.kind !== "terminal") throw invalid("pty_id", "the command has no terminal");
    if (given !== undefined || cwd !== undefined || user !== undefined)
      throw invalid("pty_id", "the terminal is running its command");
    const size = found.terminalSize ?? terminalSizeDefault;
    if (columns !== undefined || rows !== undefined)
      found.resize({ columns: columns ?? size.columns, rows: rows ?? size.rows });
    return found;
  }
  const { shell, env } = modes[mode];
  const command = shell ?? given;
  if (command === undefined) throw invalid("command", "needed with mode exec");
  if (shell !== null && given !== undefined) throw invalid("command", "only with mode exec");
  const spec: CommandSpec = { command, env, cwd, user };
  return session.openTerminal(spec, { columns, rows });
}

function invalid(path: string, message: string): ServerError {
  return new ServerError("invalid_request", `${path}: ${message}`, { details: { path } });
}

interface Viewer {
  session: ActiveSession;
  command: Command;
  offset: number;
  requestId: string;
}

const closeNormally = 1000;
const closeWithError = 1011;

/** Shows the terminal until it ends or the client goes. A client that does not keep up misses something, nobody waits. */
async function serve(socket: WebSocket, { session, command, offset, requestId }: Viewer): Promise<void> {
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  const tell = (message: Record<string, unknown>): void => socket.send(JSON.stringify(message));
  const fail = (error: unknown): void => tell({ type: "error", ...toServerError(error).body(requestId) });

  takeMessages(socket, command, fail);
  const { columns, rows } = command.terminalSize ?? terminalSizeDefault;
  tell({ type: "attached", pty_id: command.id, pid: command.pid, columns, rows, offset });
  for await (const { bytes, lostBytes } of command.output?.follow(offset, gone.signal) ?? []) {
    if (lostBytes > 0) tell({ type: "dropped", bytes: lostBytes });
    if (bytes.length > 0) await new Promise<void>((sent) => socket.send(bytes, () => sent()));
  }
  if (gone.signal.aborted) return;
  await command.ended;
  if (session.stoppedBy !== undefined || command.result === null) {
    fail(session.stoppedBy ?? command.error);
    socket.close(closeWithError);
    return;
  }
  const { exitCode, signal, timedOut } = command.result;
  tell({ type: "exit", exit_code: exitCode, signal, timed_out: timedOut });
  socket.close(closeNormally);
}

/** What is typed faster than the program reads stays with the client, beyond a small buffer. */
function takeMessages(socket: WebSocket, command: Command, fail: (error: unknown) => void): void {
  let waitingBytes = 0;
  const type = async (bytes: Buffer): Promise<void> => {
    try {
      for (let rest = bytes; rest.length > 0 && socket.readyState === socket.OPEN;) {
        const { takenBytes } = await command.write(rest);
        rest = rest.subarray(takenBytes);
      }
    } catch {
      // The program has ended, or its input has: what is typed goes nowhere, as in any terminal.
    } finally {
      waitingBytes -= bytes.length;
      if (waitingBytes <= terminalInputBytesMax) socket.resume();
    }
  };
  let typing = Promise.resolve();
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (!isBinary) return control(command, data.toString(), fail);
    waitingBytes += data.length;
    if (waitingBytes > terminalInputBytesMax) socket.pause();
    typing = typing.then(() => type(data));
  });
}

function control(command: Command, text: string, fail: (error: unknown) => void): void {
  const parsed = terminalControl.safeParse(parseJson(text));
  if (!parsed.success)
    return fail(new ServerError("invalid_request", "a text message is a resize or a signal, as JSON"));
  if (parsed.data.type === "signal") command.kill(parsed.data.signal);
  else command.resize(parsed.data);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
