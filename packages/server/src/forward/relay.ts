import type { Socket } from "node:net";
import type { WebSocket } from "ws";

export const closeNormally = 1000;
const closeUnsupported = 1003;
const closeWithError = 1011;

/**
 * Carries the bytes of a TCP connection over a WebSocket, the same at both ends. Binary messages are the bytes; an empty one says
 * that the sender has no more. A connection that breaks is told from one that ends by the code that the WebSocket is closed with.
 */
export function relay(webSocket: WebSocket, socket: Socket): void {
  let isOver = false;
  webSocket.on("message", (data: Buffer, isBinary: boolean) => {
    if (!isBinary) return webSocket.close(closeUnsupported);
    if (data.length === 0) return void socket.end();
    if (socket.write(data)) return;
    webSocket.pause();
    socket.once("drain", () => webSocket.resume());
  });
  webSocket.once("close", (code: number) => {
    isOver = true;
    if (code === closeNormally) socket.destroySoon();
    else socket.resetAndDestroy();
  });
  webSocket.on("error", () => socket.destroy());

  socket.on("data", (bytes: Buffer) => {
    socket.pause();
    webSocket.send(bytes, () => socket.resume());
  });
  socket.once("end", () => {
    if (!isOver) webSocket.send(Buffer.alloc(0));
  });
  socket.on("error", () => undefined);
  socket.once("close", (hadError: boolean) => {
    // Paused, it would not hear the other end's answer.
    webSocket.resume();
    webSocket.close(!hadError && socket.readableEnded ? closeNormally : closeWithError);
  });
}
