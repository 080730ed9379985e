import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import { CliError } from "../errors.js";
import { exitCode } from "../exit.js";
import { answerError, connectionError } from "./failure.js";
import { createEventParser, type StreamEvent } from "./events.js";

export interface ApiClientOptions {
  /** Base URL without a slash at the end. */
  url: string;
  apiKey?: string | undefined;
}

export interface ApiRequest {
  query?: Record<string, string | undefined>;
  body?: unknown;
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
}

/** A body that is sent as it is read. */
export interface ContentRequest extends Omit<ApiRequest, "body"> {
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  contentType: string;
  contentBytes?: number | undefined;
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

/**
 * Calls of the HTTP API. Every failure is a `CliError` with the code the server gave, or `no_server`, `bad_answer` or
 * `stream_ended`; except that an aborted call fails with its signal's reason.
 */
export class ApiClient {
  readonly url: string;
  readonly #options: ApiClientOptions;

  constructor(options: ApiClientOptions) {
    this.#options = options;
    this.url = options.url;
  }

  /** The answer's JSON, or undefined for an answer without a body. */
  async call<T>(method: Method, path: string, request: ApiRequest = {}): Promise<T> {
    return (await this.#json<T>(method, path, request)).value;
  }

  /** A whole list, however many pages it comes in. */
  async list<T>(path: string, request: ApiRequest = {}): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const query = { ...request.query, cursor };
      const { value, headers } = await this.#json<T[]>("GET", path, { ...request, query });
      for (const item of value) items.push(item);
      cursor = headers["x-next-cursor"] as string | undefined;
    } while (cursor !== undefined);
    return items;
  }

  async #json<T>(
    method: Method,
    path: string,
    request: ApiRequest,
  ): Promise<{ value: T; headers: IncomingMessage["headers"] }> {
    const response = await this.#send(method, path, request, "application/json");
    const text = await this.#read(response);
    const { statusCode: status = 0, headers } = response;
    if (status >= 400) throw answerError(status, text, this.#options);
    if (text === "") return { value: undefined as T, headers };
    try {
      return { value: JSON.parse(text) as T, headers };
    } catch (error) {
      throw notAServer(this.url, error);
    }
  }

  /** Sends a body as it is read, and gives the answer's JSON. Fails with the error of `content` when that fails. */
  async send<T>(path: string, request: ContentRequest): Promise<T> {
    const response = await this.#send("POST", path, request, "application/json");
    const text = await this.#read(response);
    const status = response.statusCode ?? 0;
    if (status >= 400) throw answerError(status, text, this.#options);
    return JSON.parse(text) as T;
  }

  /** An answer whose body is read as it arrives. One that breaks off fails with `stream_ended`. */
  async receive(
    path: string,
    request: ApiRequest,
  ): Promise<{ headers: IncomingMessage["headers"]; content: AsyncGenerator<Uint8Array> }> {
    const response = await this.#send("GET", path, request, "*/*");
    const status = response.statusCode ?? 0;
    if (status >= 400) throw answerError(status, await this.#read(response), this.#options);
    return { headers: response.headers, content: this.#bytes(response, request.signal) };
  }

  async *#bytes(response: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of response) yield piece as Buffer;
    } catch (error) {
      throw this.#lost(error, signal);
    } finally {
      response.destroy();
    }
  }

  /** The events of a streamed answer. Ends when the server ends the stream, however it ended. */
  async *stream(method: Method, path: string, request: ApiRequest = {}): AsyncGenerator<StreamEvent> {
    const response = await this.#send(method, path, request, "text/event-stream");
    const status = response.statusCode ?? 0;
    if (status >= 400) throw answerError(status, await this.#read(response), this.#options);
    if (!(response.headers["content-type"] ?? "").startsWith("text/event-stream")) {
      response.destroy();
      throw notAServer(this.url);
    }
    const decoder = new StringDecoder("utf8");
    const parser = createEventParser();
    try {
      for await (const piece of response) yield* parser.push(decoder.write(piece as Buffer));
    } catch (error) {
      throw this.#lost(error, request.signal);
    } finally {
      response.destroy();
    }
  }

  async #send(
    method: Method,
    path: string,
    request: ApiRequest | ContentRequest,
    accept: string,
  ): Promise<IncomingMessage> {
    const streamed = "content" in request ? request : undefined;
    const url = new URL(this.url + path + queryText(request.query));
    const body =
      "content" in request || request.body === undefined
        ? undefined
        : Buffer.from(JSON.stringify(request.body));
    const headers: Record<string, string | number> = { accept, ...request.headers };
    if (this.#options.apiKey !== undefined) headers["authorization"] = `Bearer ${this.#options.apiKey}`;
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      headers["content-length"] = body.length;
    }
    if (streamed !== undefined) {
      headers["content-type"] = streamed.contentType;
      if (streamed.contentBytes !== undefined) headers["content-length"] = streamed.contentBytes;
    }
    // No agent: one command makes one or two requests, and a kept-alive socket would only delay the end.
    const options: RequestOptions = { method, headers, agent: false };
    request.signal?.throwIfAborted();
    if (request.signal !== undefined) options.signal = request.signal;
    const send = url.protocol === "https:" ? (await import("node:https")).request : httpRequest;
    return new Promise((resolve, reject) => {
      const outgoing = send(url, options, resolve);
      outgoing.on("error", (error) => reject(connectionError(error, this.url, request.signal)));
      if (streamed === undefined) outgoing.end(body);
      else
        pipeline(contentOf(streamed.content, reject), outgoing).catch((error: Error) =>
          outgoing.destroy(error),
        );
    });
  }

  async #read(response: IncomingMessage): Promise<string> {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of response) pieces.push(piece as Buffer);
    } catch (error) {
      throw this.#lost(error, undefined);
    }
    return Buffer.concat(pieces).toString("utf8");
  }

  #lost(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true) return signal.reason;
    if (error instanceof CliError) return error;
    return new CliError(
      "stream_ended",
      `the connection to ${this.url} broke off before the answer was complete`,
      {
        exitCode: exitCode.failure,
        suggestion: "the server may have stopped; look at its output, then run the command again",
        cause: error,
      },
    );
  }
}

/** What goes wrong with reading it is not a fault of the connection. */
async function* contentOf(
  content: ContentRequest["content"],
  failed: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } catch (error) {
    failed(error);
    throw error;
  }
}

function queryText(query: Record<string, string | undefined> | undefined): string {
  const given = Object.entries(query ?? {}).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return given.length === 0 ? "" : "?" + new URLSearchParams(given).toString();
}

function notAServer(url: string, cause?: unknown): CliError {
  return new CliError("bad_answer", `what answers at ${url} does not speak the chaser API`, {
    suggestion: "check CHASER_API_URL",
    cause,
  });
}
