import { spawnSync } from "node:child_process";
import type { WebSocket } from "ws";
import { apiPath } from "../../client/address.js";
import { streamError } from "../../client/failure.js";
import { openWebSocket } from "../../client/web-socket.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";

/** What the server says in text messages. */
type Message =
  | { type: "attached" }
  | { type: "dropped"; bytes: number }
  | { type: "exit"; exit_code: number }
  | { type: "error"; error: unknown };

/** Code `no_terminal` where there is none to connect. */
export function assertTerminal({ stdin, stdout }: Context): void {
  if (stdin.isTTY && stdout.isTTY) return;
  throw new CliError("no_terminal", "standard input and output are not a terminal", {
    exitCode: exitCode.usage,
    suggestion: "use `chaser exec W -- COMMAND` for input and output without one",
  });
}

/** This terminal's size, as far as it knows it: one that does not says 0, and the server's default is better. */
export function sizeOf({ stdout }: Context): { columns: number; rows: number } | undefined {
  const { columns, rows } = stdout;
  return columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

/**
 * Connects this terminal to one in a session, until that ends. `wanted` says which, as the API's query does. Gives the exit code
 * of what ran in it.
 */
export async function attachTerminal(
  context: Context,
  sessionId: string,
  wanted: Record<string, string>,
): Promise<number> {
  const { stdin, stdout } = context;
  const { url, apiKey } = context.server();
  const size = sizeOf(context);
  const query = new URLSearchParams({
    ...(size === undefined ? {} : { columns: String(size.columns), rows: String(size.rows) }),
    ...wanted,
  });
  const path = `${apiPath`/v1/sessions/${sessionId}/pty`}?${query.toString()}`;
  let failed = (_error: Error): void => undefined;
  const socket = openWebSocket({ url, apiKey }, path, (error) => failed(error));
  const type = (bytes: Buffer): void => socket.send(bytes);
  const resize = (): void =>
    socket.send(JSON.stringify({ type: "resize", columns: stdout.columns, rows: stdout.rows }));
  // Whatever ends this process, the terminal must be usable afterwards.
  const restore = (): void => void stdin.setRawMode(false);
  const hangUp = (): void => socket.close();
  try {
    return await new Promise<number>((resolve, reject) => {
      failed = reject;
      socket.on("open", () => {
        process.once("exit", restore);
        makeRaw(stdin);
        stdin.on("data", type);
        stdout.on("resize", resize);
        for (const signal of ["SIGTERM", "SIGHUP"]) process.once(signal, hangUp);
      });
      socket.on("message", (data: Buffer, isBinary: boolean) => {
        if (isBinary) return show(socket, stdout, data);
        const message = JSON.parse(data.toString()) as Message;
        if (message.type === "exit") resolve(message.exit_code);
        else if (message.type === "error") reject(streamError(JSON.stringify(message), { url }));
        else if (message.type === "dropped") context.note(`(${message.bytes} bytes of output were lost)`);
      });
      socket.on("close", () => reject(lost()));
    });
  } finally {
    stdin.off("data", type).pause();
    stdout.off("resize", resize);
    process.off("exit", restore);
    restore();
    socket.terminate();
  }
}

/**
 * Node's raw mode goes on turning line feeds into new lines, which programs that draw on a whole screen do not mean. Leaving raw mode
 * brings everything back as it was.
 */
function makeRaw(stdin: NodeJS.ReadStream): void {
  stdin.setRawMode(true);
  spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
}

/** A terminal that is slow to show must not fill the memory. */
function show(socket: WebSocket, stdout: NodeJS.WriteStream, data: Buffer): void {
  if (stdout.write(data)) return;
  socket.pause();
  stdout.once("drain", () => socket.resume());
}

function lost(): CliError {
  return new CliError("stream_ended", "the connection to the terminal broke off", {
    suggestion: "what ran in it goes on until its session ends; `chaser sessions list` shows that",
  });
}
