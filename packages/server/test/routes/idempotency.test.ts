import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testServer, type Answer, type Client, type TestServer } from "../fixture/server.js";

describe("Idempotency-Key", () => {
  let server: Client & TestServer;
  before(async () => {
    server = await testServer();
  });
  after(() => server[Symbol.asyncDispose]());

  const create = (key: string, body: unknown): Promise<Answer> =>
    server.call("POST", "/v1/workspaces", body, { "idempotency-key": key });
  const unnamed = { session_type: "sandbox" };

  test("a repetition gets the first answer and does nothing", async () => {
    const first = await create("a", unnamed);
    assert.equal(first.status, 201);
    assert.equal(first.headers.get("idempotent-replayed"), null);
    const second = await create("a", unnamed);
    assert.equal(second.status, 201);
    assert.equal(second.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(second.body, first.body);
    assert.equal((await server.expect<any[]>(200, "GET", "/v1/workspaces")).length, 1);
  });

  test("at once or one after the other, the work is done once", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => create("b", unnamed)));
    const ids = new Set(answers.filter((a) => a.status === 201).map((a) => a.body.id));
    assert.equal(ids.size, 1);
    for (const refused of answers.filter((a) => a.status !== 201))
      assert.equal(refused.body.error.code, "operation_in_progress");
    assert.equal((await server.expect<any[]>(200, "GET", "/v1/workspaces")).length, 2);
  });

  test("another request under the same key is refused", async () => {
    const answer = await create("a", { ...unnamed, name: "other" });
    assert.deepEqual([answer.status, answer.body.error.code], [422, "idempotency_key_reused"]);
  });

  test("a refused request may be mended under the same key", async () => {
    assert.equal((await create("c", { session_type: "vm" })).status, 400);
    assert.equal((await create("c", unnamed)).status, 201);
  });

  test("keys that cannot work are refused", async () => {
    assert.equal((await create("x".repeat(256), unnamed)).status, 400);
    await server.refused(
      400,
      "invalid_request",
      "POST",
      "/v1/keys",
      { name: "k" },
      { "idempotency-key": "k" },
    );
  });
});
