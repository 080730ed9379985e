import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Accounts } from "../../src/accounts/accounts.js";
import { openDatabase, type Database } from "../../src/db/database.js";
import type { AccountRow } from "../../src/db/tables.js";
import { keptCommandLifetimeMs, usageRecordLifetimeMs } from "../../src/limits.js";
import { KeptCommands } from "../../src/sessions/kept-commands.js";
import { SessionRecords } from "../../src/sessions/session-records.js";
import { removeDirectory, temporaryDirectory } from "../fixture/server.js";

describe("records of what has ended", () => {
  let directory: string;
  let db: Database;
  let account: AccountRow;
  before(async () => {
    directory = await temporaryDirectory();
    db = await openDatabase(path.join(directory, "db.sqlite"));
    account = await new Accounts(db, null).personal();
  });
  after(async () => {
    await db.close();
    await removeDirectory(directory);
  });

  test("sessions go when no billing window reaches them, and never while they run", async () => {
    const records = new SessionRecords(db);
    for (const id of ["old", "new", "running"])
      await records.insert({ id, account, workspaceId: null, diskId: id, ttlSeconds: 60 });
    const end = { reason: "idle", lastUsedMs: Date.now(), limitsHit: [] };
    for (const id of ["old", "new"]) await records.ended(id, end);
    const oldMs = Date.now() - usageRecordLifetimeMs - 1000;
    await db.query
      .updateTable("sessions")
      .set({ started_at: oldMs })
      .where("id", "in", ["old", "running"])
      .execute();
    await db.query.updateTable("sessions").set({ ended_at: oldMs }).where("id", "=", "old").execute();
    await records.prune(Date.now());
    const { rows } = await records.list(account, {}, {});
    assert.deepEqual(
      rows.map(({ id }) => id),
      ["running", "new"],
    );
  });

  test("commands are not shown any more after a day, whether or not they are deleted yet", async () => {
    const commands = new KeptCommands(db);
    for (const [id, keptAtMs] of [
      ["today", Date.now()],
      ["yesterday", Date.now() - keptCommandLifetimeMs - 1000],
    ] as const)
      await db.query
        .insertInto("commands")
        .values({
          id,
          account_id: account.id,
          session_id: "s",
          kept_at: keptAtMs,
          record: JSON.stringify({ id }),
          output: Buffer.alloc(0),
        })
        .execute();
    assert.deepEqual(
      (await commands.list(account, "s")).map(({ view }) => view.id),
      ["today"],
    );
    assert.equal(await commands.find(account, "yesterday"), undefined);
    await commands.prune(Date.now());
    assert.equal((await db.query.selectFrom("commands").select("id").execute()).length, 1);
  });
});
