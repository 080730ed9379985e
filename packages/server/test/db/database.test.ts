import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { openDatabase } from "../../src/db/database.js";

test("what was committed is there after opening again", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "chaser-db-test-"));
  const file = path.join(directory, "chaser.sqlite");
  try {
    const first = await openDatabase(file);
    const account = { id: "a", name: "personal", kind: "personal" as const, host_uid: null, created_at: 1 };
    await first.query.insertInto("accounts").values(account).execute();
    await first.durable();
    await first.close();

    const second = await openDatabase(file);
    const rows = await second.query.selectFrom("accounts").selectAll().execute();
    assert.deepEqual(rows, [{ seq: 1, ...account }]);
    const again = second.query.insertInto("accounts").values({ ...account, id: "b" });
    await assert.rejects(again.execute(), (error) => second.isUniqueViolation(error));
    await second.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});
