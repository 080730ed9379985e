import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { sandboxMissing, testServer, type Client, type TestServer } from "./fixture/server.js";

/** Lists every path of the workspace with its type, mode, time in nanoseconds and link target, and its content. */
const fingerprint = `
  find . -printf '%P %y %m %T@ %l\\n' | LC_ALL=C sort | sha256sum
  find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`;

describe("the main job, end to end", { skip: await sandboxMissing() }, () => {
  let server: Client & TestServer;
  before(async () => {
    server = await testServer();
  });
  after(() => server[Symbol.asyncDispose]());

  let whole = "";

  test("work is done in a workspace and is there the next time", async () => {
    await server.workspace("my-project");
    await server.exec(
      "my-project",
      "cp -a /usr/share/perl5 /usr/include . && ln -s perl5 link && ln include/stdio.h hard",
    );
    assert.ok(Number(await server.exec("my-project", "find . -type f | wc -l")) > 200);
    await server.idle("my-project");
    whole = await server.exec("my-project", fingerprint);
  });

  test("a snapshot brings every byte, mode, time and link back after a disaster", async () => {
    await server.expect(201, "POST", "/v1/workspaces/my-project/snapshots", { name: "before-upgrade" });
    await server.exec(
      "my-project",
      "rm -rf perl5; chmod -R 700 include; echo broken > include/stdio.h; touch new",
    );
    assert.notEqual(await server.exec("my-project", fingerprint), whole);
    const list = await server.expect<any[]>(200, "GET", "/v1/workspaces/my-project/snapshots");
    assert.deepEqual(
      list.map((s) => s.name),
      ["before-upgrade"],
    );
    await server.expect(200, "POST", "/v1/workspaces/my-project/snapshots/before-upgrade/restore?force=true");
    assert.equal(await server.exec("my-project", fingerprint), whole);
  });

  test("a template is cloned, and the clone goes its own way", async () => {
    await server.expect(201, "POST", "/v1/workspaces", {
      session_type: "sandbox",
      name: "base-dev",
      template: true,
    });
    await server.exec("base-dev", "mkdir src && echo base > src/file");
    const clone = { clone_from: "base-dev", name: "feature-branch" };
    const refused = await server.refused(409, "session_active", "POST", "/v1/workspaces", clone);
    assert.match(refused.suggestion ?? "", /chaser sessions stop/);
    await server.idle("base-dev");
    await server.expect(201, "POST", "/v1/workspaces", clone);
    await server.exec("feature-branch", "echo feature > src/file; mv src renamed");
    assert.equal(await server.exec("base-dev", "cat src/file"), "base\n");
    assert.equal(await server.exec("feature-branch", "cat renamed/file"), "feature\n");
  });

  test("names change and snapshots go", async () => {
    await server.expect(200, "PUT", "/v1/workspaces/feature-branch/name", { name: "feature-done" });
    const { freed_bytes } = await server.expect(
      200,
      "DELETE",
      "/v1/workspaces/my-project/snapshots/before-upgrade",
    );
    assert.ok(freed_bytes >= 0);
  });

  test("the bill is what du says, to the byte, and its parts add up", async () => {
    await server.expect(200, "POST", "/v1/sessions/bulk-terminate", { all: true });
    const [account] = await server.expect<any[]>(200, "GET", "/v1/accounts");
    const directory = path.join(server.directory, "data", "accounts", account.id);
    const { storage, usage, limits } = await server.expect(200, "GET", "/v1/billing/summary");
    const du = Number(execFileSync("du", ["-s", "-B1", directory], { encoding: "utf8" }).split("\t")[0]);
    assert.equal(storage.used_bytes, du);
    assert.equal(storage.cap_bytes, 25_000_000_000);
    assert.equal(limits.workspace_disk_bytes, 10_000_000_000);
    const owned = storage.by_workspace.reduce((sum: number, w: { bytes: number }) => sum + w.bytes, 0);
    const { snapshots_bytes, shared_bytes, dead_bytes, overhead_bytes } = storage;
    assert.equal(owned + snapshots_bytes + shared_bytes + dead_bytes + overhead_bytes, du);
    for (const part of [snapshots_bytes, shared_bytes, dead_bytes, overhead_bytes]) assert.ok(part >= 0);
    assert.deepEqual(
      storage.by_workspace.map((w: any) => w.name),
      ["feature-done", "base-dev", "my-project"],
    );
    assert.ok(usage.last_24h.execs >= 8);
  });
});
