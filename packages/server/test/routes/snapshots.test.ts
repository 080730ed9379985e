import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { execEvents } from "../fixture/events.js";
import { sandboxMissing, testServer, type Client, type TestServer } from "../fixture/server.js";

describe("snapshots", { skip: await sandboxMissing() }, () => {
  let server: Client & TestServer;
  before(async () => {
    server = await testServer();
    await server.workspace("w");
    await server.exec("w", "echo one > a; echo two > b");
  });
  after(() => server[Symbol.asyncDispose]());

  const snapshots = "/v1/workspaces/w/snapshots";

  test("a snapshot of an active workspace is live, and the session goes on", async () => {
    const w = await server.expect(200, "GET", "/v1/workspaces/w");
    const s = await server.expect(201, "POST", snapshots, { name: "First", comment: "why" });
    assert.deepEqual(
      [s.name, s.comment, s.workspace_id, s.consistency, s.files],
      ["First", "why", w.id, "live", 2],
    );
    assert.equal(s.logical_bytes, 8);
    assert.equal(
      (await server.expect(200, "GET", "/v1/workspaces/w")).active_session_id,
      w.active_session_id,
    );
  });

  test("a command that runs meanwhile is not disturbed", async () => {
    const command = "for i in $(seq 100); do echo $i > counter; sleep 0.01; done; cat counter";
    const running = server.exec("w", command);
    await server.expect(201, "POST", snapshots, { name: "meanwhile" });
    assert.equal(await running, "100\n");
  });

  test("a snapshot of an idle workspace is idle", async () => {
    await server.idle("w");
    const s = await server.expect(201, "POST", snapshots);
    assert.equal(s.consistency, "idle");
    assert.ok(s.name.length > 0);
  });

  test("they are listed newest first, found by name in any case and by id, and named once", async () => {
    const list = await server.expect<any[]>(200, "GET", snapshots);
    assert.deepEqual(
      list.slice(1).map((s) => s.name),
      ["meanwhile", "First"],
    );
    const first = await server.expect(200, "GET", `${snapshots}/FIRST`);
    assert.deepEqual(await server.expect(200, "GET", `${snapshots}/${first.id}`), first);
    await server.refused(409, "snapshot_name_taken", "POST", snapshots, { name: "first" });
    await server.refused(404, "not_found", "GET", `${snapshots}/nothing`);
    const page = await server.call<any[]>("GET", `${snapshots}?limit=2`);
    const rest = await server.call<any[]>(
      "GET",
      `${snapshots}?limit=2&cursor=${page.headers.get("x-next-cursor")}`,
    );
    assert.deepEqual([...page.body, ...rest.body], list);
  });

  test("a restore brings everything back and keeps what was there", async () => {
    await server.exec("w", "rm a; echo changed > b; echo new > c");
    const restore = `${snapshots}/first/restore`;
    const error = await server.refused(409, "session_active", "POST", restore);
    assert.match(error.suggestion ?? "", /chaser workspaces snapshots restore w First --force/);
    assert.equal(await server.exec("w", "cat b"), "changed\n");

    const session = (await server.expect(200, "GET", "/v1/workspaces/w")).active_session_id;
    const result = await server.expect(200, "POST", `${restore}?force=true`);
    assert.equal(result.ended_session_id, session);
    assert.equal(result.snapshot.name, "First");
    assert.equal(await server.exec("w", "cat a b; ls"), "one\ntwo\na\nb\n");

    await server.idle("w");
    await server.expect(200, "POST", `${snapshots}/${encodeURIComponent(result.undo_snapshot.name)}/restore`);
    assert.equal(await server.exec("w", "cat b c"), "changed\nnew\n");
    assert.equal((await server.expect(200, "GET", `/v1/sessions/${session}`)).end_reason, "restore");
  });

  test("a dry run changes nothing", async () => {
    await server.idle("w");
    const before = await server.expect<any[]>(200, "GET", snapshots);
    const result = await server.expect(200, "POST", `${snapshots}/first/restore`, { dry_run: true });
    assert.equal(result.dry_run, true);
    assert.equal(result.undo_snapshot, null);
    assert.ok(result.created + result.changed + result.deleted > 0);
    assert.deepEqual(await server.expect(200, "GET", snapshots), before);
    assert.equal(await server.exec("w", "cat b"), "changed\n");
  });

  test("single paths can be restored, absolute or from /workspace on", async () => {
    await server.idle("w");
    await server.expect(200, "POST", `${snapshots}/first/restore`, { paths: ["/workspace/a"] });
    assert.equal(await server.exec("w", "cat a b; echo 1 > a; echo 1 > ~/h"), "one\nchanged\n");
    await server.idle("w");
    const body = { paths: ["./none/../a/", "../home/chaser/h"] };
    const { changed, deleted } = await server.expect(200, "POST", `${snapshots}/first/restore`, body);
    assert.deepEqual([changed, deleted], [1, 1]);
    assert.equal(await server.exec("w", "cat a b; ls ~"), "one\nchanged\n");
  });

  test("a restore that cannot be leaves the session as it is", async () => {
    await server.exec("w", "echo now > only-now");
    const { active_session_id: session } = await server.expect(200, "GET", "/v1/workspaces/w");
    const count = (await server.expect<any[]>(200, "GET", snapshots)).length;
    const restore = (snapshot: string): string => `${snapshots}/${snapshot}/restore?force=true`;
    await server.refused(404, "not_found", "POST", restore("nothing"));
    const missing = { paths: ["a", "workspace/a"] };
    const error = await server.refused(404, "not_found", "POST", restore("first"), missing);
    assert.match(error.message, /neither snapshot "First" nor the workspace has "\/workspace\/workspace\/a"/);
    for (const path of ["/tmp/x", "/etc/passwd", "/.image-changes/x", "..", "/"]) {
      const e = await server.refused(400, "invalid_request", "POST", restore("first"), { paths: [path] });
      assert.equal(e.details.path, "paths");
      assert.ok(e.message.includes(JSON.stringify(path)), e.message);
    }
    const dry = await server.expect(200, "POST", restore("first"), { paths: ["only-now"], dry_run: true });
    assert.deepEqual([dry.deleted, dry.ended_session_id, dry.undo_snapshot], [1, null, null]);
    assert.equal((await server.expect(200, "GET", "/v1/workspaces/w")).active_session_id, session);
    assert.equal(await server.exec("w", "cat only-now"), "now\n");
    assert.equal((await server.expect<any[]>(200, "GET", snapshots)).length, count);
    const done = await server.expect(200, "POST", restore("first"), { paths: ["only-now"] });
    assert.deepEqual([done.deleted, done.ended_session_id], [1, session]);
    assert.equal(await server.exec("w", "cat a only-now 2>/dev/null; :"), "one\n");
  });

  test("a clone needs an idle source, or a snapshot", async () => {
    const body = { clone_from: "w", name: "copy" };
    const error = await server.refused(409, "session_active", "POST", "/v1/workspaces", body);
    const { active_session_id } = await server.expect(200, "GET", "/v1/workspaces/w");
    assert.equal(error.details.session_id, active_session_id);
    assert.match(error.suggestion ?? "", new RegExp(`chaser sessions stop ${active_session_id}`));
    assert.match(error.suggestion ?? "", /--clone-from w@for-clone/);
    await server.refused(404, "not_found", "GET", "/v1/workspaces/copy");

    await server.expect(201, "POST", "/v1/workspaces", { clone_from: "w@FIRST", name: "from-snapshot" });
    assert.equal(await server.exec("from-snapshot", "cat b"), "two\n");
    await server.idle("w");
    await server.expect(201, "POST", "/v1/workspaces", body);
    await server.exec("copy", "echo other > b");
    assert.equal(await server.exec("w", "cat b"), "changed\n");
  });

  test("a second long operation is refused while one is under way", async () => {
    await server.exec("w", "head -c 60000000 /dev/urandom > large");
    const answers = await Promise.all(
      ["x", "y", "z"].map((name) => server.call("POST", snapshots, { name })),
    );
    const taken = answers.filter((a) => a.status === 201);
    assert.equal(taken.length, 1);
    for (const refused of answers.filter((a) => a.status !== 201)) {
      assert.equal(refused.body.error.code, "operation_in_progress");
      assert.equal(refused.body.error.details.operation, "a snapshot");
    }
    await server.expect(200, "DELETE", `${snapshots}/${taken[0]?.body.id}`);
  });

  test("deleting a snapshot gives back its bytes, once", async () => {
    await server.exec("w", "head -c 3000000 /dev/urandom > only-here");
    await server.expect(201, "POST", snapshots, { name: "fat" });
    await server.exec("w", "rm only-here");
    const deleted = await server.expect(200, "DELETE", `${snapshots}/fat`);
    assert.equal(deleted.name, "fat");
    assert.ok(deleted.freed_bytes >= 3_000_000, String(deleted.freed_bytes));
    await server.refused(404, "not_found", "DELETE", `${snapshots}/fat`);
  });

  test("a workspace with a session is deleted only by force, which ends it", async () => {
    const events = execEvents(server, "/v1/exec", { workspace: "copy", command: "echo up; sleep 300" });
    for await (const { event } of events) if (event === "stdout") break;
    await server.exec("copy", "true");
    await server.refused(409, "session_active", "DELETE", "/v1/workspaces/copy");
    await server.expect(204, "DELETE", "/v1/workspaces/copy?force=true");
    await server.refused(404, "not_found", "GET", "/v1/workspaces/copy");
  });
});
