import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { prepareCli } from "../spawned-cli.js";

interface Check {
  name: string;
  ok: boolean;
  required: boolean;
  detail: string;
  remedy?: string;
}

describe("chaser doctor", () => {
  const cli = prepareCli();
  after(() => cli.remove());

  it("says as one JSON document what works, and of what does not, what to do", async () => {
    const { code, stdout, stderr } = await cli.run("doctor", "--json");
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] };
    assert.equal(stderr, "");
    assert.equal(
      ok,
      checks.every((check) => check.ok),
    );
    assert.equal(code, ok ? 0 : 1);
    for (const { name, detail, ok: works, remedy } of checks) {
      assert.ok(detail.length > 0, name);
      if (!works) assert.ok((remedy ?? "").length > 0, `${name} has no remedy: ${detail}`);
    }
  });
});
