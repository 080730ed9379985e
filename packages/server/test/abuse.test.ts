import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { execEvents } from "./fixture/events.js";
import { sandboxMissing, testServer, type Client, type TestServer } from "./fixture/server.js";

const fifos = 64;

/** What one session does to itself, while another one goes on as if nothing were. */
describe("a session that takes what it can", { skip: await sandboxMissing() }, () => {
  let server: Client & TestServer;
  before(async () => {
    server = await testServer();
    for (const name of ["hog", "other"]) await server.workspace(name);
  });
  after(() => server[Symbol.asyncDispose]());

  const inBackground = (command: string): Promise<any> =>
    server.expect(200, "POST", "/v1/exec", { workspace: "hog", command, background: true });

  test(`${fifos} FIFOs, each with a reader that waits, hold up nobody who walks, copies or restores`, async () => {
    const { session_id: session, command_id: id } = await inBackground(
      `mkdir p; for i in $(seq ${fifos}); do mkfifo p/$i; cat p/$i & done; echo ready; wait`,
    );
    const path = `/v1/sessions/${session}`;
    while ((await server.expect<any>(200, "GET", `${path}/commands/${id}`)).output_bytes === 0)
      await new Promise((later) => setTimeout(later, 20));
    const fetched = (file: string): Promise<Response> =>
      fetch(`${server.url}${path}/download?path=${file}`, {
        headers: { authorization: `Bearer ${server.key}` },
      });
    const statuses = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => (await fetched(`p/${i + 1}`)).status),
    );
    assert.deepEqual(new Set(statuses), new Set([400]));
    const [archive, snapshot, output] = await Promise.all([
      fetched("p").then((answer) => answer.arrayBuffer()),
      server.expect<any>(201, "POST", "/v1/workspaces/hog/snapshots", { name: "full" }),
      server.exec("other", "echo fine"),
    ]);
    assert.ok(archive.byteLength > fifos * 512);
    assert.equal(snapshot.consistency, "live");
    assert.equal(output, "fine\n");
    await server.exec("hog", "rm -r p");
    await server.expect(200, "POST", "/v1/workspaces/hog/snapshots/full/restore?force=true");
    assert.equal(await server.exec("hog", "find p -type p | wc -l"), `${fifos}\n`);
    await server.expect(201, "POST", "/v1/workspaces", { clone_from: "hog@full", name: "copy" });
    assert.equal(await server.exec("copy", "find p -type p | wc -l"), `${fifos}\n`);
    await server.exec("hog", "rm -r p");
  });

  test("a file of 15 TB is refused by name, one of what is allowed takes no room and no time", async () => {
    const { limits_hit: limits, exit_code: code } = await server.expect<any>(200, "POST", "/v1/exec", {
      workspace: "hog",
      command: ["truncate", "-s", "15T", "sparse"],
    });
    assert.deepEqual([code, limits], [153, ["file_size"]]);
    await server.exec("hog", "truncate -s 9G sparse");
    await server.idle("hog");
    const snapshot = await server.expect<any>(201, "POST", "/v1/workspaces/hog/snapshots", {
      name: "sparse",
    });
    assert.ok(
      snapshot.logical_bytes >= 9 * 2 ** 30 && snapshot.new_bytes < 1_000_000,
      JSON.stringify(snapshot),
    );
    await server.exec("hog", "rm sparse");
  });

  test("output without end is kept within bounds, and named where it is cut", async () => {
    const { command_id: flood, session_id: session } = await inBackground("yes");
    for await (const event of execEvents(server, "/v1/exec", {
      workspace: "hog",
      command: "head -c 20000000 /dev/zero",
      max_output_bytes: 1000,
    }))
      if (event.event === "complete") assert.deepEqual(event.data.limits_hit, ["output"]);
    assert.equal(await server.exec("other", "echo fine"), "fine\n");
    const shown = await server.expect<any>(200, "GET", `/v1/sessions/${session}/commands/${flood}`);
    assert.ok(shown.output_dropped_bytes > 0);
    assert.ok(shown.output_bytes - shown.output_dropped_bytes <= 4 * 2 ** 20);
    await server.expect(204, "DELETE", `/v1/sessions/${session}`);
  });
});
