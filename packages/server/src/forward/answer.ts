import { request, type ClientRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { ServerError } from "../errors.js";
import type { Headers } from "./headers.js";

/** Others are none that an answer can have. */
const [statusMin, statusMax] = [200, 599];

/** What is asked of a program inside, over a connection that is for this alone. */
export interface Asked {
  socket: Socket;
  port: number;
  method: string;
  /** With the query. */
  path: string;
  headers: Headers;
}

/** Begins a request. Its body is up to the caller. */
export function ask({ socket, method, path, headers }: Asked): ClientRequest {
  return request({ createConnection: () => socket, method, path, headers: { ...headers }, setHost: false });
}

export interface Answered {
  answer: IncomingMessage;
  /** Set when the program speaks another protocol from now on: what it said of that already. */
  head?: Buffer;
}

/** The head of the answer. Code `port_closed` when what listens there gives none, or speaks another protocol unasked. */
export function answerOf(asked: ClientRequest, socket: Socket, port: number): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const fail = (cause?: unknown): void =>
      reject(
        new ServerError("port_closed", `what listens on port ${port} gave no HTTP answer`, {
          cause,
          details: { port },
          suggestion: "`chaser forward` carries any protocol",
        }),
      );
    asked.once("response", (answer: IncomingMessage) => {
      const { statusCode = 0 } = answer;
      if (statusCode < statusMin || statusCode > statusMax) fail();
      else resolve({ answer });
    });
    asked.once("upgrade", (answer: IncomingMessage, _socket: Duplex, head: Buffer) => {
      if (asked.hasHeader("upgrade")) resolve({ answer, head });
      else fail();
    });
    // Stays: what happens later shows in the answer's own stream.
    asked.on("error", fail);
    socket.once("close", () => fail());
  });
}
