import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import Sqlite from "better-sqlite3";
import { sandboxMissing, testServer, type Client, type TestServer } from "../fixture/server.js";

describe("workspaces", () => {
  let server: Client & TestServer;
  before(async () => {
    server = await testServer({ limits: { workspacesMax: 20 } });
  });
  after(() => server[Symbol.asyncDispose]());

  test("a new workspace has every field of the contract", async () => {
    const w = await server.workspace("My Project");
    assert.match(w.id, /^[0-9a-f-]{36}$/);
    assert.match(w.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(w.disk_bytes > 0);
    const { id: _id, created_at: _created, disk_bytes: _bytes, ...rest } = w;
    assert.deepEqual(rest, {
      name: "My Project",
      session_type: "sandbox",
      status: "idle",
      image: null,
      image_digest: null,
      template: false,
      github_repo: null,
      github_ref: null,
      source_workspace_id: null,
      active_session_id: null,
      last_session_id: null,
      persistence: "persistent",
      disk_limit_bytes: 10_000_000_000,
    });
  });

  test("it is found by name in any case, and by id", async () => {
    const w = await server.expect(200, "GET", "/v1/workspaces/my%20PROJECT");
    assert.equal((await server.expect(200, "GET", `/v1/workspaces/${w.id}`)).name, "My Project");
    await server.refused(404, "not_found", "GET", "/v1/workspaces/other");
  });

  test("a name is taken once, in any case, and one is made up when it is left out", async () => {
    const body = { session_type: "sandbox", name: "mY pROJECT" };
    await server.refused(409, "workspace_name_taken", "POST", "/v1/workspaces", body);
    const made = await server.expect(201, "POST", "/v1/workspaces", { session_type: "sandbox" });
    assert.match(made.name, /^[a-z]+-[a-z]+-\d{4}$/);
    await server.expect(204, "DELETE", `/v1/workspaces/${made.id}`);
  });

  test("fifty requests for one name make one workspace", async () => {
    const body = { session_type: "sandbox", name: "contended" };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => server.call("POST", "/v1/workspaces", body)),
    );
    assert.equal(answers.filter((a) => a.status === 201).length, 1);
    assert.equal(answers.filter((a) => a.body.error?.code === "workspace_name_taken").length, 49);
    await server.expect(204, "DELETE", "/v1/workspaces/contended");
  });

  test("a rename keeps the id, refuses what is taken, and null takes the name away", async () => {
    const w = await server.workspace("before");
    const renamed = await server.expect(200, "PUT", "/v1/workspaces/before/name", { name: "after" });
    assert.equal(renamed.id, w.id);
    await server.refused(404, "not_found", "GET", "/v1/workspaces/before");
    await server.refused(409, "workspace_name_taken", "PUT", "/v1/workspaces/after/name", {
      name: "MY PROJECT",
    });
    assert.equal(
      (await server.expect(200, "PUT", "/v1/workspaces/after/name", { name: "AFTER" })).name,
      "AFTER",
    );
    assert.equal((await server.expect(200, "PUT", "/v1/workspaces/after/name", { name: null })).name, null);
    assert.equal((await server.expect(200, "GET", `/v1/workspaces/${w.id}`)).name, null);
    await server.refused(400, "invalid_request", "PUT", `/v1/workspaces/${w.id}/name`, {});
    await server.expect(204, "DELETE", `/v1/workspaces/${w.id}`);
  });

  test("a template can be marked, listed, cloned; the clone is none", async () => {
    await server.expect(201, "POST", "/v1/workspaces", {
      session_type: "sandbox",
      name: "base",
      template: true,
    });
    const templates = await server.expect<any[]>(200, "GET", "/v1/workspaces?template=true");
    assert.deepEqual(
      templates.map((w) => w.name),
      ["base"],
    );
    const clone = await server.expect(201, "POST", "/v1/workspaces", { clone_from: "BASE", name: "copy" });
    assert.equal(clone.template, false);
    assert.equal(clone.source_workspace_id, templates[0].id);
    await server.expect(200, "PUT", "/v1/workspaces/base/template", { template: false });
    assert.deepEqual(await server.expect(200, "GET", "/v1/workspaces?template=true"), []);
    await server.refused(404, "not_found", "POST", "/v1/workspaces", { clone_from: "nothing" });
    await server.refused(404, "not_found", "POST", "/v1/workspaces", { clone_from: "base@nothing" });
    assert.deepEqual(await server.expect(200, "GET", "/v1/workspaces?name=nothing"), []);
  });

  test("lists come newest first, and in pages", async () => {
    const all = await server.expect<any[]>(200, "GET", "/v1/workspaces");
    assert.deepEqual(
      all.map((w) => w.name),
      ["copy", "base", "My Project"],
    );
    const first = await server.call<any[]>("GET", "/v1/workspaces?limit=2");
    assert.deepEqual(
      first.body.map((w) => w.name),
      ["copy", "base"],
    );
    const cursor = first.headers.get("x-next-cursor");
    assert.ok(cursor !== null);
    const second = await server.call<any[]>("GET", `/v1/workspaces?limit=2&cursor=${cursor}`);
    assert.deepEqual(
      second.body.map((w) => w.name),
      ["My Project"],
    );
    assert.equal(second.headers.get("x-next-cursor"), null);
    const named = await server.expect<any[]>(200, "GET", "/v1/workspaces?name=BASE");
    assert.deepEqual(
      named.map((w) => w.name),
      ["base"],
    );
  });

  test("a list that meets a workspace whose disk has just gone still shows the others", async () => {
    const { id } = await server.workspace("going");
    await server.workspace("staying");
    const database = new Sqlite(path.join(server.directory, "data", "meta", "chaser.sqlite"));
    // As one sees it whose list was read before the deletion and measured after it.
    const row = database.prepare("select * from workspaces where id = ?").get(id) as Record<string, unknown>;
    await server.expect(204, "DELETE", `/v1/workspaces/${id}`);
    const { seq: _seq, ...columns } = row;
    const names = Object.keys(columns);
    database
      .prepare(`insert into workspaces (${names.join()}) values (${names.map((name) => `@${name}`).join()})`)
      .run(columns);
    try {
      const list = await server.expect<any[]>(200, "GET", "/v1/workspaces");
      assert.deepEqual(
        list.slice(0, 2).map(({ name }) => name),
        ["going", "staying"],
      );
    } finally {
      database.prepare("delete from workspaces where id = ?").run(id);
      database.close();
    }
  });

  test("a deleted source leaves its clones; a deleted workspace leaves its name free", async () => {
    await server.expect(204, "DELETE", "/v1/workspaces/base");
    await server.refused(404, "not_found", "DELETE", "/v1/workspaces/base");
    await server.expect(200, "GET", "/v1/workspaces/copy/usage");
    await server.workspace("base");
  });

  test("usage adds up", async () => {
    const usage = await server.expect(200, "GET", "/v1/workspaces/copy/usage");
    for (const of of [usage, ...usage.snapshots])
      assert.equal(of.shared_bytes + of.exclusive_bytes, of.referenced_bytes);
    assert.deepEqual([usage.logical_bytes, usage.snapshots], [0, []]);
  });

  test("there is an upper number of workspaces, and it is said", async () => {
    for (let i = (await server.expect<any[]>(200, "GET", "/v1/workspaces")).length; i < 20; i += 1)
      await server.workspace(`filler-${i}`);
    const body = { session_type: "sandbox", name: "one-too-many" };
    const error = await server.refused(429, "limit_exceeded", "POST", "/v1/workspaces", body);
    assert.deepEqual(error.details, { workspaces: 20, workspaces_max: 20 });
  });
});

const skip = await sandboxMissing();

describe("storage quota", () => {
  test("an account over its cap cannot make more, and is told the figures", async () => {
    await using server = await testServer({ limits: { storageBytesMax: 1 } });
    const error = await server.refused(413, "storage_quota_exceeded", "POST", "/v1/workspaces", {
      session_type: "sandbox",
    });
    assert.equal(error.details.cap_bytes, 1);
    assert.ok(error.details.used_bytes >= 1);
    assert.ok(error.details.needed_bytes > 0);
    assert.deepEqual(await server.expect(200, "GET", "/v1/workspaces"), []);
  });

  test(
    "a snapshot that would cross the cap is refused with the figures, and nothing of it stays",
    { skip },
    async () => {
      const capBytes = 12_000_000;
      await using server = await testServer({ limits: { storageBytesMax: capBytes } });
      await server.workspace("w");
      await server.exec("w", "head -c 8000000 /dev/urandom > file");
      await server.idle("w");
      const usedBytes = async (): Promise<number> =>
        (await server.expect(200, "GET", "/v1/billing/summary")).storage.used_bytes;
      const before = await usedBytes();
      const error = await server.refused(
        413,
        "storage_quota_exceeded",
        "POST",
        "/v1/workspaces/w/snapshots",
        {},
      );
      assert.equal(error.details.cap_bytes, capBytes);
      assert.ok(error.details.used_bytes + error.details.needed_bytes > capBytes);
      assert.deepEqual(await server.expect(200, "GET", "/v1/workspaces/w/snapshots"), []);
      assert.ok((await usedBytes()) - before < 100_000);
      assert.equal(await server.exec("w", "wc -c < file"), "8000000\n");
    },
  );

  test("a restore that would make a disk too large is refused, and changes nothing", { skip }, async () => {
    await using server = await testServer({ limits: { workspaceDiskBytesMax: 5_000_000 } });
    await server.workspace("w");
    await server.exec("w", "head -c 2000000 /dev/urandom > first");
    await server.idle("w");
    await server.expect(201, "POST", "/v1/workspaces/w/snapshots", { name: "s" });
    await server.exec("w", "rm first; head -c 2000000 /dev/urandom > second");
    await server.idle("w");
    const error = await server.refused(
      413,
      "workspace_disk_full",
      "POST",
      "/v1/workspaces/w/snapshots/s/restore",
      { paths: ["/workspace/first"] },
    );
    assert.equal(error.details.cap_bytes, 5_000_000);
    assert.equal(await server.exec("w", "ls"), "second\n");
    assert.deepEqual(
      (await server.expect<any[]>(200, "GET", "/v1/workspaces/w/snapshots")).map(({ name }) => name),
      ["s"],
    );
  });
});
