import type { IncomingMessage, Server } from "node:http";
import { requestTimeoutMs, streamedBodySilenceMs } from "./limits.js";
import { hasStreamedBody } from "./routes/streamed-body.js";

/**
 * Ends connections whose request does not arrive in time: as a whole, or, where the body is streamed, its next bytes.
 * While the server itself does not read, because what it passes them on to is slow, the time stands still.
 */
export function endSlowRequests(server: Server): void {
  server.on("request", (request: IncomingMessage) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    if (!hasStreamedBody(path)) return endWhenLate(request);
    let receivedBytes = request.socket.bytesRead;
    const timer = setInterval(() => {
      const { bytesRead } = request.socket;
      const waits = request.readableFlowing !== false && request.readableLength === 0;
      if (!request.complete && waits && bytesRead === receivedBytes) request.destroy();
      receivedBytes = bytesRead;
    }, streamedBodySilenceMs).unref();
    request.once("close", () => clearInterval(timer));
  });
}

function endWhenLate(request: IncomingMessage): void {
  const timer = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, requestTimeoutMs).unref();
  request.once("close", () => clearTimeout(timer));
}
