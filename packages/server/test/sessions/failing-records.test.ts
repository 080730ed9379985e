import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import Sqlite from "better-sqlite3";
import { sandboxMissing, testServer } from "../fixture/server.js";

describe("a session whose end the database does not take", { skip: await sandboxMissing() }, () => {
  test("is over all the same: its workspace goes on, and its end is written down with the next", async () => {
    const log: string[] = [];
    await using server = await testServer({ log: { write: (line) => log.push(line) } });
    await server.workspace("w");
    await server.exec("w", "echo kept > file");
    const [{ id }] = await server.expect(200, "GET", "/v1/sessions");
    const database = new Sqlite(path.join(server.directory, "data", "meta", "chaser.sqlite"));
    database.exec(
      "create trigger full before update on sessions begin select raise(abort, 'database or disk is full'); end",
    );
    await server.expect(204, "DELETE", `/v1/sessions/${id}`);
    assert.ok(log.some((line) => line.includes('"record_end"')));
    await server.refused(404, "not_found", "POST", `/v1/sessions/${id}/exec`, { command: "true" });

    database.exec("drop trigger full");
    database.close();
    assert.equal(await server.exec("w", "cat file"), "kept\n");
    await server.idle("w");
    const rows = await server.expect<any[]>(200, "GET", "/v1/sessions");
    assert.deepEqual(
      rows.map(({ status, end_reason: reason }) => [status, reason]),
      [
        ["ended", "requested"],
        ["ended", "requested"],
      ],
    );
  });
});
