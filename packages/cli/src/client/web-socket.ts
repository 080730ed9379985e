import { WebSocket } from "ws";
import { answerError, connectionError } from "./failure.js";

/** Connects to a path of the server's API. `failed`: why it could not, or for what it broke. */
export function openWebSocket(
  { url, apiKey }: { url: string; apiKey?: string | undefined },
  path: string,
  failed: (error: Error) => void,
): WebSocket {
  const webSocket = new WebSocket(url.replace(/^http/, "ws") + path, {
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
    perMessageDeflate: false,
  });
  const broken = (error: Error): void => failed(connectionError(error, url, undefined));
  webSocket.on("error", broken);
  webSocket.once("unexpected-response", (_request, response) => {
    const pieces: Buffer[] = [];
    response.on("data", (piece: Buffer) => pieces.push(piece));
    response.on("error", broken);
    response.on("end", () =>
      failed(answerError(response.statusCode ?? 0, Buffer.concat(pieces).toString(), { url, apiKey })),
    );
  });
  return webSocket;
}
