import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sandboxMissing, testServer } from "../fixture/server.js";

describe("the limit of sessions", { skip: await sandboxMissing() }, () => {
  test("holds for those that are asked for at once, and counts none that has failed or ended", async () => {
    await using server = await testServer({ limits: { sessionsMax: 2 } });
    const start = async (egress?: unknown): Promise<{ status: number; id: string }> => {
      const body = { session_type: "sandbox", ephemeral: true, ...(egress === undefined ? {} : { egress }) };
      const answer = await server.call("POST", "/v1/sessions", body);
      return { status: answer.status, id: answer.body.id };
    };
    const answers = await Promise.all(Array.from({ length: 6 }, () => start()));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 201, 429, 429, 429, 429]);
    await server.expect(200, "POST", "/v1/sessions/bulk-terminate", { all: true });
    assert.equal((await start()).status, 201);
  });
});
