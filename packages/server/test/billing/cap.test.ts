import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sandboxMissing, testServer, type Client } from "../fixture/server.js";

const MB = 1_000_000;

async function usedBytes(server: Client): Promise<number> {
  return (await server.expect(200, "GET", "/v1/billing/summary")).storage.used_bytes;
}

describe("the account's cap", { skip: await sandboxMissing() }, () => {
  test("holds when many upload at once, whether or not they say how much comes", async () => {
    const cap = 2 * MB;
    await using server = await testServer({ limits: { storageBytesMax: cap } });
    await server.workspace("w");
    const wanted = { session_type: "sandbox", workspace: "w" };
    const { id } = await server.expect(201, "POST", "/v1/sessions", wanted);
    const content = Buffer.alloc(MB / 4, "x");
    const upload = async (n: number): Promise<number | null> => {
      const body = n % 2 === 0 ? content : new Blob([content]).stream();
      const response = await fetch(`${server.url}/v1/sessions/${id}/upload?path=f${n}`, {
        method: "POST",
        headers: { authorization: `Bearer ${server.key}`, "content-type": "application/octet-stream" },
        body,
        duplex: "half",
      }).catch(() => null); // Refused, and cut off before all of it was sent.
      return response?.status ?? null;
    };
    const statuses = await Promise.all(Array.from({ length: 50 }, (_, n) => upload(n)));
    const taken = statuses.filter((status) => status === 200).length;
    assert.ok(taken >= 1 && taken < cap / content.length, statuses.join());
    assert.ok(
      statuses.every((status) => status === null || [200, 413].includes(status)),
      statuses.join(),
    );
    assert.ok((await usedBytes(server)) <= cap);
    const session = await server.expect(200, "GET", `/v1/sessions/${id}`);
    assert.equal(session.status, "active");
  });

  test("holds for snapshots taken to undo a restore, and for clones of clones", async () => {
    const cap = 6 * MB;
    await using server = await testServer({ limits: { storageBytesMax: cap } });
    await server.workspace("w");
    await server.exec("w", "head -c 1500000 /dev/urandom > f");
    await server.idle("w");
    await server.expect(201, "POST", "/v1/workspaces/w/snapshots", { name: "s" });
    await server.exec("w", "rm f; head -c 1700000 /dev/urandom > g");
    await server.idle("w");
    const before = await usedBytes(server);
    const restore = "/v1/workspaces/w/snapshots/s/restore";
    await server.refused(413, "storage_quota_exceeded", "POST", restore, {});
    assert.equal((await server.expect<unknown[]>(200, "GET", "/v1/workspaces/w/snapshots")).length, 1);
    assert.ok((await usedBytes(server)) - before < 100_000);
    assert.equal(await server.exec("w", "wc -c < g"), "1700000\n");
    await server.idle("w");

    const clone = (from: string, name: string): object => ({ clone_from: from, name });
    await server.expect(201, "POST", "/v1/workspaces", clone("w@s", "one"));
    await server.expect(201, "POST", "/v1/workspaces", clone("one", "two"));
    // A little at a time, until it is stopped.
    const command = "while :; do head -c 500000 /dev/urandom >> own; sleep 0.02; done";
    const fill = { workspace: "two", command };
    await server.refused(413, "storage_quota_exceeded", "POST", "/v1/exec", fill);
    await server.refused(413, "storage_quota_exceeded", "POST", "/v1/workspaces", clone("two", "three"));
    await server.refused(413, "storage_quota_exceeded", "POST", "/v1/workspaces", clone("w@s", "three"));
    await server.refused(404, "not_found", "GET", "/v1/workspaces/three");
  });
});
