import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { kernelHoldsDisks } from "@chaser/store";
import { execEvents } from "../fixture/events.js";
import { sandboxMissing, testServer } from "../fixture/server.js";

const MB = 1_000_000;
/** Would never end by itself; a little at a time, so that whoever watches has a chance. */
const fill = "while :; do head -c 500000 /dev/urandom >> file; sleep 0.02; done";

/** There the session goes on. */
const heldByKernel = (await kernelHoldsDisks(tmpdir())) && "needs a filesystem without project quotas";

describe("what a session writes", { skip: await sandboxMissing() }, () => {
  test(
    "ends at the disk's cap, and the workspace can be read, cleaned and deleted",
    { skip: heldByKernel },
    async () => {
      const cap = 6 * MB;
      await using server = await testServer({ limits: { workspaceDiskBytesMax: cap } });
      await server.workspace("w");
      const error = await server.refused(413, "workspace_disk_full", "POST", "/v1/exec", {
        workspace: "w",
        command: `sleep 60 & ${fill}`,
      });
      assert.equal(error.details.cap_bytes, cap);
      assert.ok(error.details.used_bytes > cap);
      assert.match(error.message, /6000000/);
      const [session] = await server.expect<any[]>(200, "GET", "/v1/sessions");
      assert.deepEqual([session.status, session.end_reason], ["ended", "over_quota"]);

      assert.ok(Number(await server.exec("w", "sleep 0.5; wc -c < file")) > 4 * MB);
      await server.refused(413, "workspace_disk_full", "POST", "/v1/exec", { workspace: "w", command: fill });
      await server.exec("w", "rm file");
      await server.idle("w");
      await server.exec("w", "head -c 2000000 /dev/urandom > file; sleep 0.5");
      await server.expect(204, "DELETE", "/v1/workspaces/w?force=true");
    },
  );

  test(
    "ends at the disk's cap on files, which is named, while other sessions go on",
    { skip: heldByKernel },
    async () => {
      const cap = 200;
      await using server = await testServer({ limits: { workspaceDiskInodesMax: cap } });
      await server.workspace("w");
      await server.workspace("other");
      const other = server.exec("other", "until [ -e over ]; do sleep 0.05; done; echo went on");
      const error = await server.refused(413, "workspace_disk_full", "POST", "/v1/exec", {
        workspace: "w",
        command: "n=0; while :; do : > $n; n=$((n + 1)); [ $((n % 50)) = 0 ] && sleep 0.02; done",
      });
      assert.deepEqual(Object.keys(error.details), ["used_inodes", "cap_inodes", "needed_inodes"]);
      assert.equal(error.details.cap_inodes, cap);
      assert.ok(error.details.used_inodes > cap);
      assert.match(error.message, /of at most 200 inodes/);
      const { referenced_inodes } = await server.expect<any>(200, "GET", "/v1/workspaces/w/usage");
      assert.ok(referenced_inodes > cap);
      await server.exec("other", "touch over");
      assert.equal(await other, "went on\n");

      await server.exec("w", "find . -type f -delete");
      await server.idle("w");
      await server.exec("w", "for n in 1 2 3; do : > $n; done");
      await server.expect(204, "DELETE", "/v1/workspaces/w?force=true");
    },
  );

  test("ends at the account's cap, on a stream too", async () => {
    const cap = 6 * MB;
    await using server = await testServer({ limits: { storageBytesMax: cap } });
    await server.workspace("w");
    const events = [];
    for await (const event of execEvents(server, "/v1/exec", { workspace: "w", command: fill }))
      events.push(event);
    const last = events.at(-1);
    assert.equal(last?.event, "error");
    assert.equal(last.data.error.code, "storage_quota_exceeded");
    assert.equal(last.data.error.details.cap_bytes, cap);
    await server.exec("w", "rm file");
    await server.expect(204, "DELETE", "/v1/workspaces/w?force=true");
  });

  test("counts when it has no name any more, and what a layer below keeps does not count twice", async () => {
    const cap = 8 * MB;
    await using server = await testServer({ limits: { storageBytesMax: cap } });
    await server.workspace("w");
    await server.exec("w", "yes | head -c 5000000 > below");
    await server.idle("w");
    await server.expect(201, "POST", "/v1/workspaces/w/snapshots", {});
    // Long enough to be looked at.
    await server.exec("w", "exec 3< below; rm below; yes | head -c 1000000 > other; sleep 0.7");
    const error = await server.refused(413, "storage_quota_exceeded", "POST", "/v1/exec", {
      workspace: "w",
      command: `exec 3> file; rm file; ${fill.replace(">> file", ">&3")}`,
    });
    assert.ok(error.details.used_bytes > cap);
    const { storage } = await server.expect(200, "GET", "/v1/billing/summary");
    assert.ok(storage.used_bytes < cap);
  });

  test("ends the session when it cannot be measured any more", { skip: heldByKernel }, async () => {
    await using server = await testServer();
    await server.workspace("w");
    const refused = server.refused(409, "session_ended", "POST", "/v1/exec", {
      workspace: "w",
      command: "n=0; while :; do head -c 100000 /dev/urandom > $((n % 50)); n=$((n + 1)); sleep 0.02; done",
    });
    // Without its description nothing can be said of a disk.
    const find = ["-path", "*/disks/*/disk.json"];
    let description = "";
    while (description === "") {
      await pause(20);
      const [session] = await server.expect<any[]>(200, "GET", "/v1/sessions");
      if (session?.status === "active") {
        description = execFileSync("find", [server.directory, ...find], { encoding: "utf8" }).trim();
      }
    }
    await rename(description, `${description}.away`);
    const error = await refused;
    assert.match(error.message, /could not be measured/);
    const [session] = await server.expect<any[]>(200, "GET", "/v1/sessions");
    assert.deepEqual([session.status, session.end_reason], ["ended", "unmeasured"]);
    await rename(`${description}.away`, description);
    assert.match(await server.exec("w", "ls"), /^0$/m);
  });
});
