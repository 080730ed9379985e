import { connect, type Socket } from "node:net";
import { FORWARD_CONNECT_MS_MAX } from "../limits.js";

/** Servers that listen on `localhost` take the one or the other. */
const LOOPBACKS = ["127.0.0.1", "::1"] as const;

/** Connects to a port of the loopback. Nothing is read from the socket before its owner asks. Rejects with the first reason. */
export async function dial(port: number): Promise<Socket> {
  let first: unknown;
  for (const host of LOOPBACKS) {
    try {
      return await dialAddress(host, port);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

function dialAddress(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    socket.pause();
    socket.setTimeout(FORWARD_CONNECT_MS_MAX, () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
