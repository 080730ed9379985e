import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { relay } from "@chaser/server/relay";
import { apiPath } from "../../client/address.js";
import type { Session } from "../../client/answers.js";
import { openWebSocket } from "../../client/web-socket.js";
import type { Context } from "../../context.js";
import { CliError } from "../../errors.js";
import { exitCode } from "../../exit.js";
import { printable } from "../../output/printable.js";

const loopback = "127.0.0.1";
const portMax = 65_535;

/** Takes connections here and carries each to the port inside, until Ctrl-C. */
export async function run(
  context: Context,
  _options: object,
  workspace: string,
  port: string,
  local = port,
): Promise<number> {
  const [portInside, portHere] = [portOf(port, 1), portOf(local, 0)];
  const interrupt = context.interrupt();
  const api = await context.api();
  const session = await api.call<Session>("POST", "/v1/sessions", {
    body: { session_type: "sandbox", workspace },
  });
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    carry(context, socket, apiPath`/v1/sessions/${session.id}/tcp/${String(portInside)}`);
  });
  await listen(server, portHere);
  const { port: bound } = server.address() as AddressInfo;
  const address = `${loopback}:${bound}`;
  if (context.json) {
    const line = { address, host: loopback, port: bound, session_id: session.id, session_port: portInside };
    context.stdout.write(JSON.stringify(line) + "\n");
  } else context.print(`${address} is port ${portInside} of ${printable(workspace)}; Ctrl-C ends that`);

  await new Promise<void>((resolve) => {
    if (interrupt.aborted) resolve();
    else interrupt.addEventListener("abort", () => resolve(), { once: true });
  });
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  return exitCode.ok;
}

/** A connection that cannot be carried is reset, and why is told here; others may still work. */
function carry(context: Context, socket: Socket, path: string): void {
  let isOpen = false;
  socket.on("error", () => undefined);
  const webSocket = openWebSocket(context.server(), path, ({ message }) => {
    // Of one that was open, or that nobody waits for any more, the socket's own end tells.
    if (isOpen || socket.destroyed) return;
    context.note(`a connection was refused: ${message}`);
    socket.resetAndDestroy();
  });
  socket.once("close", () => {
    if (webSocket.readyState === webSocket.CONNECTING) webSocket.terminate();
  });
  webSocket.once("open", () => {
    isOpen = true;
    relay(webSocket, socket);
    socket.resume();
  });
}

function portOf(text: string, min: number): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port >= min && port <= portMax) return port;
  throw new CliError("usage", `${printable(text)} is not a port: ${min} to ${portMax}`, {
    exitCode: exitCode.usage,
  });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new CliError("listen_failed", `cannot listen on ${loopback}:${port}: ${error.message}`, {
          exitCode: error.code === "EADDRINUSE" ? exitCode.conflict : exitCode.failure,
          suggestion: "name another port here: `chaser forward W PORT LOCAL`; 0 takes any that is free",
        }),
      ),
    );
    server.listen(port, loopback, resolve);
  });
}
