/** What is said to sockets that listen in another network namespace is answered here: a socket belongs to the namespace in which it was opened, whoever holds it. */
import type { Server, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { EGRESS_CONNECTIONS_MAX } from "../limits.js";

/** Argument: `address:port`, or several with commas between. Sends an `OpenedListener` with each. */
export const LISTENER_PROCESS = fileURLToPath(new URL("listener-process.js", import.meta.url));

export interface OpenedListener {
  address: string;
}

export interface Served {
  readonly closed: Promise<void>;
  /** Ends all connections, too. Idempotent. */
  stop(): void;
}

export function serve(listener: Server, onSocket: (socket: Socket) => void): Served {
  const sockets = new Set<Socket>();
  listener.maxConnections = EGRESS_CONNECTIONS_MAX;
  listener.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    onSocket(socket);
  });
  const closed = new Promise<void>((resolve) => listener.once("close", () => resolve()));
  let stopped = false;
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
  return { closed, stop };
}
