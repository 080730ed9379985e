import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client, testServer, type TestServer } from "../fixture/server.js";

describe("keys, accounts and audit", () => {
  let server: Client & TestServer;
  const lines: string[] = [];
  before(async () => {
    server = await testServer({ log: { write: (line) => lines.push(line) } });
  });
  after(() => server[Symbol.asyncDispose]());

  test("a new key works until it is revoked, and its secret is shown once", async () => {
    const made = await server.expect(201, "POST", "/v1/keys", { name: "ci", scopes: ["workspaces.read"] });
    assert.match(made.secret, /^sk_[A-Za-z0-9_-]{43}$/);
    const limited = new Client(server.url, made.secret);
    await limited.expect(200, "GET", "/v1/workspaces");
    await limited.refused(403, "missing_scope", "GET", "/v1/keys");

    const list = await server.expect<any[]>(200, "GET", "/v1/keys");
    assert.deepEqual(
      list.map((k) => k.name),
      ["ci", "operator"],
    );
    assert.ok(!JSON.stringify(list).includes(made.secret));
    assert.ok(made.secret.startsWith(list[0].prefix));
    assert.equal(list[1].scopes, null);

    await server.expect(204, "DELETE", `/v1/keys/${made.id}`);
    await limited.refused(401, "unauthorized", "GET", "/v1/workspaces");
    await server.refused(404, "not_found", "DELETE", `/v1/keys/${made.id}`);
  });

  test("a key cannot make a stronger one", async () => {
    const made = await server.expect(201, "POST", "/v1/keys", {
      name: "k",
      scopes: ["keys.write", "keys.read"],
    });
    const limited = new Client(server.url, made.secret);
    await limited.refused(403, "missing_scope", "POST", "/v1/keys", { name: "all" });
    await limited.refused(403, "missing_scope", "POST", "/v1/keys", { name: "x", scopes: ["exec.write"] });
    await limited.expect(201, "POST", "/v1/keys", { name: "same", scopes: ["keys.read"] });
  });

  test("bad keys are refused", async () => {
    for (const body of [{}, { name: "" }, { name: "x", scopes: [] }, { name: "x", scopes: ["root"] }])
      await server.refused(400, "invalid_request", "POST", "/v1/keys", body);
  });

  test("the personal account is the one there is", async () => {
    const [account, ...others] = await server.expect<any[]>(200, "GET", "/v1/accounts");
    assert.equal(account.name, "personal");
    assert.deepEqual(others, []);
  });

  test("changes are on record, newest first; reads and refusals are not", async () => {
    const w = await server.workspace("audited");
    await server.call("GET", "/v1/workspaces/audited");
    await server.call("DELETE", "/v1/workspaces/nothing");
    await server.expect(204, "DELETE", "/v1/workspaces/audited");
    const [last, first, ...older] = await server.expect<any[]>(200, "GET", "/v1/audit/events");
    assert.deepEqual([last.action, last.target], ["workspace.delete", w.id]);
    assert.deepEqual([first.action, first.target], ["workspace.create", w.id]);
    const page = await server.expect<any[]>(200, "GET", `/v1/audit/events?before=${first.id}&limit=1`);
    assert.deepEqual(page, older.slice(0, 1));
  });

  test("the log holds no secret", () => {
    assert.ok(lines.length > 10);
    for (const line of lines) assert.ok(!/sk_/.test(line), line);
  });

  test("health needs no key, metrics none from here, and neither says anything of accounts", async () => {
    const nobody = new Client(server.url, "");
    assert.deepEqual(await nobody.expect(200, "GET", "/healthz"), { status: "ok" });
    assert.deepEqual(await nobody.expect(200, "GET", "/readyz"), { status: "ready" });
    const metrics = await (await fetch(server.url + "/metrics")).text();
    assert.match(metrics, /^chaser_http_requests_total\{method="POST",status="201"\} \d+$/m);
    await nobody.refused(401, "unauthorized", "GET", "/metrics", undefined, {
      "x-forwarded-for": "192.0.2.1",
    });
  });
});

describe("the first key", () => {
  test("is made once, and a key that is given works beside it", async () => {
    const { startServer } = await import("../../src/index.js");
    const apiKey = "sk_" + "g".repeat(43);
    await using server = await testServer();
    assert.match(server.key, /^sk_/);
    await server.running.close();
    const again = await startServer({
      dataDirectory: server.directory + "/data",
      listen: "127.0.0.1:0",
      apiKey,
    });
    try {
      assert.equal(again.apiKey, undefined);
      await new Client(again.url, apiKey).expect(200, "GET", "/v1/accounts");
      await new Client(again.url, server.key).expect(200, "GET", "/v1/accounts");
    } finally {
      await again.close();
    }
  });

  test("is refused when it is too weak to be one", async () => {
    await assert.rejects(testServer({ apiKey: "password" }), { code: "invalid_request" });
  });
});
