/** What becomes of a server whose own filesystem is full: below every cap, because something else took the space. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync, truncateSync, unlinkSync, writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { serverProcess } from "./fixture/processes.js";
import { Client, removeDirectory, sandboxMissing, temporaryDirectory } from "./fixture/server.js";

const apiKey = "sk_" + "f".repeat(43);
const imageBytes = 96 * 1024 * 1024;
const isRoot = process.getuid?.() === 0;

const skip = isRoot ? await sandboxMissing() : "needs root to mount a filesystem";

/** Writes until nothing more fits, in ever smaller pieces. */
function fill(file: string): void {
  const fd = openSync(file, "a");
  try {
    for (let bytes = 1 << 20; bytes >= 512;) {
      try {
        writeSync(fd, Buffer.alloc(bytes, "filler"));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
        bytes /= 2;
      }
    }
  } finally {
    closeSync(fd);
  }
}

void test(
  "a server whose filesystem is full says so, survives, and works when there is space again",
  { skip },
  async (t) => {
    const directory = await temporaryDirectory();
    t.after(() => removeDirectory(directory));
    const image = path.join(directory, "image");
    const mounted = path.join(directory, "mounted");
    await mkdir(mounted);
    closeSync(openSync(image, "w"));
    truncateSync(image, imageBytes);
    // In a mount namespace of its own, so that nothing stays mounted whatever happens.
    const mount = [
      "unshare",
      "--mount",
      "sh",
      "-c",
      'mount -o loop "$0" "$1" && shift && exec "$@"',
      image,
      mounted,
    ];
    const made = spawnSync("mkfs.ext4", ["-q", "-m", "0", image], { encoding: "utf8" });
    const tried = spawnSync(mount[0] as string, [...mount.slice(1), "true"], { encoding: "utf8" });
    if (made.status !== 0 || tried.status !== 0)
      return t.skip(`needs an ext4 filesystem: ${made.stderr} ${tried.stderr}`);

    const server = await serverProcess(path.join(mounted, "data"), apiKey, mount);
    t.after(() => server.end("SIGTERM"));
    const filler = `/proc/${server.child.pid}/root${mounted}/filler`;
    const client = new Client(server.url, apiKey);
    const upload = async (session: string): Promise<{ status: number; body: any }> => {
      const response = await fetch(`${server.url}/v1/sessions/${session}/upload?path=up`, {
        method: "POST",
        headers: { authorization: `Bearer ${apiKey}` },
        body: Buffer.alloc(200_000, "up"),
      });
      return { status: response.status, body: await response.json() };
    };
    await client.workspace("w");
    await client.exec("w", "echo kept > kept");
    await client.expect(201, "POST", "/v1/workspaces/w/snapshots", { name: "before" });
    await client.exec("w", "head -c 3000000 /dev/urandom > large");
    const [{ id: session }] = await client.expect<any[]>(200, "GET", "/v1/sessions?status=active");

    fill(filler);
    const isTold = ({ status, body }: { status: number; body: any }): void => {
      assert.equal(status, 413, JSON.stringify(body));
      assert.match(body.error.code, /^(storage_quota_exceeded|workspace_disk_full)$/);
      assert.match(body.error.message, /no space/);
    };
    isTold(await upload(session));
    isTold(await client.call("POST", "/v1/workspaces/w/snapshots", { name: "full" }));
    isTold(await client.call("POST", "/v1/workspaces", { session_type: "sandbox", name: "another" }));
    isTold(await client.call("POST", "/v1/exec", { workspace: "w", command: "true" }));
    const [shown] = await client.expect<any[]>(200, "GET", "/v1/workspaces");
    assert.equal(shown.name, "w");
    await client.expect(200, "GET", "/healthz");

    unlinkSync(filler);
    assert.equal((await upload(session)).status, 200);
    assert.equal(await client.exec("w", "cat kept; wc -c < large; wc -c < up"), "kept\n3000000\n200000\n");
    await client.expect(201, "POST", "/v1/workspaces/w/snapshots", { name: "full" });
    await client.workspace("another");
    await client.idle("w");
    await client.expect(200, "POST", "/v1/workspaces/w/snapshots/before/restore");
    assert.equal(await client.exec("w", "ls"), "kept\n");
  },
);
