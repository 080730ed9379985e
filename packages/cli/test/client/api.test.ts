import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, it } from "node:test";
import { ApiClient } from "../../src/client/api.js";
import { CliError } from "../../src/errors.js";

/** A server that misbehaves on demand, which the real one cannot be made to do. */
describe("ApiClient", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function serve(answer: RequestListener): Promise<ApiClient> {
    const server = createServer(answer);
    servers.push(server);
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    return new ApiClient({ url: `http://127.0.0.1:${port}`, apiKey: "sk_test" });
  }

  async function failure(work: Promise<unknown>): Promise<CliError> {
    const error = await work.then(
      () => assert.fail("it should have failed"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof CliError, String(error));
    return error;
  }

  async function events(api: ApiClient): Promise<string[]> {
    const seen: string[] = [];
    for await (const { event } of api.stream("POST", "/v1/exec", { body: {} })) seen.push(event);
    return seen;
  }

  it("sends the key, the query and the body, and gives the answer's JSON", async () => {
    const api = await serve((request, response) => {
      let body = "";
      request.on("data", (piece: Buffer) => (body += piece.toString()));
      request.on("end", () =>
        response.end(JSON.stringify({ url: request.url, key: request.headers.authorization, body })),
      );
    });
    const answer = await api.call("POST", "/v1/x", {
      query: { force: "true", none: undefined },
      body: { a: 1 },
    });
    assert.deepEqual(answer, { url: "/v1/x?force=true", key: "Bearer sk_test", body: '{"a":1}' });
  });

  it("gives all pages of a list", async () => {
    const pages: Record<string, string> = { "/v1/x?kind=a": "2", "/v1/x?kind=a&cursor=2": "3" };
    const api = await serve((request, response) => {
      const next = pages[request.url ?? ""];
      if (next !== undefined) response.setHeader("X-Next-Cursor", next);
      response.end(JSON.stringify([request.url]));
    });
    assert.deepEqual(await api.list("/v1/x", { query: { kind: "a" } }), [
      "/v1/x?kind=a",
      "/v1/x?kind=a&cursor=2",
      "/v1/x?kind=a&cursor=3",
    ]);
  });

  it("gives undefined for an answer without a body", async () => {
    const api = await serve((_, response) => response.writeHead(204).end());
    assert.equal(await api.call("DELETE", "/v1/x"), undefined);
  });

  it("turns an error answer into its code, message, suggestion, details and request id", async () => {
    const error = {
      code: "session_active",
      message: "in use",
      suggestion: "stop it",
      details: { session_id: "s" },
      request_id: "r",
    };
    const api = await serve((_, response) => response.writeHead(409).end(JSON.stringify({ error })));
    const { code, message, suggestion, details, requestId, exitCode } = await failure(
      api.call("GET", "/v1/x"),
    );
    assert.deepEqual(
      { code, message, suggestion, details, request_id: requestId, exitCode },
      { ...error, exitCode: 4 },
    );
  });

  it("says that nobody answers, with exit code 6", async () => {
    const api = await serve(() => {});
    servers[0]?.close();
    const error = await failure(api.call("GET", "/v1/x"));
    assert.equal(error.code, "no_server");
    assert.equal(error.exitCode, 6);
  });

  it("says when something else than a chaser server answers", async () => {
    const api = await serve((_, response) => response.end("<html>"));
    assert.equal((await failure(api.call("GET", "/v1/x"))).code, "bad_answer");
    assert.equal((await failure(events(api))).code, "bad_answer");
    const broken = await serve((_, response) => response.writeHead(502).end("<html>"));
    assert.equal((await failure(broken.call("GET", "/v1/x"))).code, "bad_answer");
  });

  it("says when an answer or a stream breaks off", async () => {
    const api = await serve((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "content-length": 100 });
      response.write("event: start\ndata: {}\n\n", () => response.destroy());
    });
    assert.equal((await failure(api.call("GET", "/v1/x"))).code, "stream_ended");
    assert.equal((await failure(events(api))).code, "stream_ended");
  });

  it("ends the connection when the signal aborts, which is how the server learns to kill the command", async () => {
    let closed: () => void = () => {};
    const seen = new Promise<void>((resolve) => (closed = resolve));
    const api = await serve((request, response) => {
      request.socket.on("close", closed);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: start\ndata: {}\n\n");
    });
    const reason = new Error("enough");
    const controller = new AbortController();
    const work = (async () => {
      for await (const _ of api.stream("POST", "/v1/exec", { body: {}, signal: controller.signal }))
        controller.abort(reason);
    })();
    await assert.rejects(work, (error) => error === reason);
    await seen;
  });
});
