import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { requestBodyBytesMax } from "../../src/limits.js";
import { testServer, type Client, type TestServer } from "../fixture/server.js";

describe("bad input", () => {
  let server: Client & TestServer;
  before(async () => {
    server = await testServer();
  });
  after(() => server[Symbol.asyncDispose]());

  /** Sends raw bytes, as `fetch` would never send them, and returns the status line and the rest. */
  function raw(request: string): Promise<string> {
    const { port, hostname } = new URL(server.url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.end(request));
      let text = "";
      socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      socket.on("end", () => resolve(text)).on("error", reject);
    });
  }

  test("a body that is not JSON is refused", async () => {
    for (const body of ["{", "", "[1", "\0", "nul"])
      await server.refused(400, "invalid_request", "POST", "/v1/workspaces", body, {
        "content-type": "application/json",
      });
  });

  test("a body of another type is refused", async () => {
    const body = "session_type=sandbox";
    await server.refused(400, "invalid_request", "POST", "/v1/workspaces", body, {
      "content-type": "application/x-www-form-urlencoded",
    });
  });

  test("JSON that is not an object is refused", async () => {
    for (const body of ["null", "1", '"x"', "[]", "true"])
      await server.refused(400, "invalid_request", "POST", "/v1/workspaces", body);
  });

  test("an unknown field is refused by name", async () => {
    const body = { session_type: "sandbox", nmae: "x" };
    const error = await server.refused(400, "invalid_request", "POST", "/v1/workspaces", body);
    assert.equal(error.details.path, "nmae");
    assert.match(error.message, /nmae/);
  });

  test("fields that would pollute a prototype are refused like any other", async () => {
    const body = '{"session_type":"sandbox","__proto__":{"name":"x"},"constructor":{}}';
    await server.refused(400, "invalid_request", "POST", "/v1/workspaces", body);
  });

  test("a body nested a hundred thousand deep is refused", async () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    await server.refused(400, "invalid_request", "POST", "/v1/workspaces", deep);
  });

  test("a body beyond the limit is refused, declared or chunked", async () => {
    const large = JSON.stringify({ workspace: "w", command: "cat", stdin: "x".repeat(requestBodyBytesMax) });
    await server.refused(413, "payload_too_large", "POST", "/v1/exec", large);
    const chunked = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 5; i += 1) controller.enqueue(new Uint8Array(1024 * 1024).fill(0x20));
        controller.close();
      },
    });
    const response = await fetch(server.url + "/v1/exec", {
      method: "POST",
      headers: { authorization: `Bearer ${server.key}`, "content-type": "application/json" },
      body: chunked,
      duplex: "half",
    });
    assert.equal(response.status, 413);
  });

  test("what the API names and the server does not do is refused, not pretended", async () => {
    const bodies: [string, unknown, string][] = [
      ["/v1/workspaces", { session_type: "browser" }, "session_type"],
    ];
    for (const [path, body, field] of bodies) {
      const error = await server.refused(400, "unsupported", "POST", path, body);
      assert.equal(error.details.path, field);
    }
  });

  test("an image is one that can be, and not a workspace's", async () => {
    const bodies: [string, unknown][] = [
      ["/v1/workspaces", { clone_from: "w", image: "debian" }],
      ["/v1/workspaces", { session_type: "sandbox", image: "Not An Image" }],
      ["/v1/sessions", { session_type: "sandbox", workspace: "w", image: "debian" }],
      ["/v1/exec", { workspace: "w", command: "true", image: "debian" }],
      ["/v1/images", { image: "--help" }],
    ];
    for (const [path, body] of bodies) await server.refused(400, "invalid_request", "POST", path, body);
    for (const image of ["localhost:1/x", "169.254.169.254/x", "oci:/etc"])
      await server.refused(422, "image_not_found", "POST", "/v1/images", { image });
  });

  test("queries are checked", async () => {
    for (const query of ["limit=0", "limit=101", "limit=x", "limit=1&cursor=nonsense", "template=maybe"])
      await server.refused(400, "invalid_request", "GET", `/v1/workspaces?${query}`);
    await server.refused(400, "invalid_request", "DELETE", "/v1/workspaces/x?force=perhaps");
    await server.refused(400, "invalid_request", "GET", "/v1/audit/events?before=nonsense");
  });

  test("a session needs a workspace or ephemeral, and not both", async () => {
    const base = { session_type: "sandbox" };
    await server.refused(400, "invalid_request", "POST", "/v1/sessions", base);
    const both = { ...base, workspace: "w", ephemeral: true };
    await server.refused(400, "invalid_request", "POST", "/v1/sessions", both);
    await server.refused(400, "invalid_request", "POST", "/v1/exec", {
      ...both,
      session_type: undefined,
      command: "true",
    });
    for (const ttl_seconds of [59, 3601, 60.5, "60"])
      await server.refused(400, "invalid_request", "POST", "/v1/sessions", {
        ...base,
        ephemeral: true,
        ttl_seconds,
      });
  });

  test("an unknown route and a wrong method answer in the same form", async () => {
    await server.refused(404, "not_found", "GET", "/v1/nothing");
    await server.refused(404, "not_found", "GET", "/nothing");
    const wrong = await server.call("DELETE", "/v1/workspaces");
    assert.equal(wrong.status, 405);
    assert.equal(wrong.body.error.code, "method_not_allowed");
    assert.equal(wrong.headers.get("allow"), "GET, POST");
  });

  test("paths that would slip past the guard are refused before it", async () => {
    for (const path of [
      "//v1/workspaces",
      "/v1//workspaces",
      "/v1/..%2fv1/workspaces",
      "/v1/%2e%2e/v1/workspaces",
      "/x/../v1/workspaces",
      "/v1%2fworkspaces",
    ]) {
      const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 400 /, path + answer);
      assert.match(answer, /invalid_request/, path);
    }
    const absolute = await raw(`GET http://x/v1/workspaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    assert.match(absolute, /^HTTP\/1\.1 4\d\d /);
  });

  test("nonsense instead of HTTP gets a 400 and the connection is closed", async () => {
    assert.match(await raw("NONSENSE\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.match(await raw("GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 400 /);
  });

  test("none of it has made anything", async () => {
    assert.deepEqual(await server.expect(200, "GET", "/v1/workspaces"), []);
    assert.deepEqual(await server.expect(200, "GET", "/v1/sessions"), []);
  });
});
