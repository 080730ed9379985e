import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import Sqlite from "better-sqlite3";
import { sandboxMissing, testServer } from "../fixture/server.js";

const skip = await sandboxMissing();
const dayMs = 24 * 60 * 60 * 1000;

interface Windows {
  last_24h: { session_seconds: number; execs: number };
  last_30d: { session_seconds: number; execs: number };
}

test(
  "what was used counts when the workspace and the session are gone, until it is too long ago",
  { skip },
  async () => {
    await using server = await testServer();
    const used = async (): Promise<Windows> => (await server.expect(200, "GET", "/v1/billing/summary")).usage;
    await server.workspace("w");
    await server.exec("w", "sleep 0.6");
    await server.expect(200, "POST", "/v1/exec", { workspace: "w", command: "true", background: true });
    await server.expect(200, "POST", "/v1/exec", { ephemeral: true, command: "sleep 0.6" });
    await server.expect(204, "DELETE", "/v1/workspaces/w?force=true");
    assert.deepEqual(await server.expect(200, "GET", "/v1/workspaces"), []);
    const now = await used();
    assert.equal(now.last_24h.execs, 3);
    assert.ok(now.last_24h.session_seconds >= 1, `${now.last_24h.session_seconds} s`);
    assert.deepEqual(now.last_30d, now.last_24h);

    const db = new Sqlite(path.join(server.directory, "data", "meta", "chaser.sqlite"));
    try {
      const agoBy = (days: number): void => {
        db.prepare("update sessions set started_at = started_at - ?, ended_at = ended_at - ?").run(
          days * dayMs,
          days * dayMs,
        );
        db.prepare("update execs set started_at = started_at - ?").run(days * dayMs);
      };
      agoBy(2);
      assert.deepEqual(await used(), { last_24h: { session_seconds: 0, execs: 0 }, last_30d: now.last_30d });
      agoBy(29);
      assert.deepEqual((await used()).last_30d, { session_seconds: 0, execs: 0 });
    } finally {
      db.close();
    }
  },
);
