import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import Sqlite from "better-sqlite3";
import { startServer } from "../../src/index.js";
import { makeBusyboxLayout, startRegistry, type Registry } from "../fixture/image.js";
import {
  Client,
  removeDirectory,
  sandboxMissing,
  temporaryDirectory,
  testServer,
  type TestServer,
} from "../fixture/server.js";

const skip = await sandboxMissing();

async function listening(listener: RequestListener): Promise<{ host: string; close: () => void }> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { host: `127.0.0.1:${port}`, close };
}

test(
  "an image that is being fetched keeps nobody from its workspace, and is given up when its client has gone",
  { skip, timeout: 60_000 },
  async () => {
    let isAsked = (): void => {};
    const asked = new Promise<void>((resolve) => (isAsked = resolve));
    const silent = await listening(() => isAsked());
    await using server = await testServer({ images: { insecureRegistries: [silent.host] } });
    await server.workspace("w");
    const database = new Sqlite(path.join(server.directory, "data", "meta", "chaser.sqlite"));
    database
      .prepare("update workspaces set image = ?, image_digest = ?")
      .run(`${silent.host}/base:v1`, `sha256:${"0".repeat(64)}`);
    database.close();
    const leaving = new AbortController();
    const left = fetch(`${server.url}/v1/exec`, {
      method: "POST",
      headers: { authorization: `Bearer ${server.key}`, "content-type": "application/json" },
      body: JSON.stringify({ workspace: "w", command: "true" }),
      signal: leaving.signal,
    });
    left.catch(() => undefined);
    await asked;
    const pulls = (): Promise<string[]> => readdir(path.join(server.directory, "data", "images", "work"));
    assert.equal((await pulls()).length, 1);
    await server.expect(204, "DELETE", "/v1/workspaces/w");
    leaving.abort();
    await assert.rejects(left);
    while ((await pulls()).length > 0) await later(20);
    silent.close();
  },
);

describe("images", { skip }, () => {
  let directory: string;
  let registry: Registry;
  let server: Client & TestServer;
  const digests: Record<string, string> = {};
  const layout = (name: string): string => path.join(directory, name);

  before(async () => {
    directory = await temporaryDirectory();
    for (const says of ["one", "two"]) digests[says] = makeBusyboxLayout(layout(says), says);
    registry = await startRegistry(directory);
    registry.push(layout("one"), "base:v1");
    const images = { insecureRegistries: [registry.host], localDirectories: [directory] };
    server = await testServer({ images });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await removeDirectory(directory);
  });

  const says = (workspace: string): Promise<string> => server.exec(workspace, "cat /etc/says");

  test("a workspace keeps the image that its tag meant, and so do its clones", async () => {
    const image = `${registry.host}/base:v1`;
    const made = await server.expect(201, "POST", "/v1/workspaces", {
      session_type: "sandbox",
      name: "w",
      image,
    });
    assert.equal(made.image, image);
    assert.match(made.image_digest, /^sha256:[0-9a-f]{64}$/);
    assert.equal(
      await server.exec("w", "echo $SAYS; id -u; echo kept > /workspace/file; cat /etc/says"),
      "one\n1000\none\n",
    );

    registry.push(layout("two"), "base:v1");
    await server.idle("w");
    assert.equal(await says("w"), "one\n");
    await server.idle("w");
    const clone = await server.expect(201, "POST", "/v1/workspaces", { clone_from: "w", name: "clone" });
    assert.equal(clone.image_digest, made.image_digest);
    assert.equal(await server.exec("clone", "cat /etc/says /workspace/file"), "one\nkept\n");

    const later = await server.expect(201, "POST", "/v1/workspaces", {
      session_type: "sandbox",
      name: "later",
      image,
    });
    assert.notEqual(later.image_digest, made.image_digest);
    assert.equal(await says("later"), "two\n");
  });

  test("what commands change of the image is part of the workspace", async () => {
    const usedBytes = async (): Promise<number> =>
      (await server.expect(200, "GET", "/v1/billing/summary")).storage.used_bytes;
    const snapshots = (workspace: string): string => `/v1/workspaces/${workspace}/snapshots`;
    const see = "cat /etc/says; ls /bin/ls /opt 2>&1 | sort";
    const asPulled = "/bin/ls\nls: /opt: No such file or directory\n";
    const body = { session_type: "sandbox", name: "kept", image: `oci:${layout("one")}` };
    await server.expect(201, "POST", "/v1/workspaces", body);
    assert.equal(await server.exec("kept", see), `one\n${asPulled}`);
    await server.idle("kept");
    const emptyBytes = await usedBytes();
    assert.ok(emptyBytes < 512 * 1024, "the image is not billed");

    await server.exec(
      "kept",
      "echo changed > /etc/says; rm /bin/echo; head -c 1000000 /dev/urandom > /etc/big",
    );
    await server.expect(201, "POST", snapshots("kept"), { name: "live" });
    await server.idle("kept");
    assert.equal(await server.exec("kept", see), `changed\n${asPulled}`);
    await server.idle("kept");
    const changedBytes = await usedBytes();
    assert.ok(changedBytes - emptyBytes >= 2_000_000, "both the disk's and the snapshot's bytes are");

    const clone = { clone_from: "kept", name: "kept-clone" };
    await server.expect(201, "POST", "/v1/workspaces", clone);
    await server.exec("kept", "rm -r /etc/says /bin/ls; echo more > /etc/more");
    assert.equal(
      await server.exec("kept-clone", `${see}; ls /etc/more 2>&1 | head -c 3`),
      `changed\n${asPulled}ls:`,
    );
    await server.idle("kept");
    await server.idle("kept-clone");
    assert.ok(
      (await usedBytes()) - changedBytes < 500_000,
      "a clone has what it did not change with its source",
    );

    const restore = async (body: unknown): Promise<unknown> =>
      server.expect(200, "POST", `${snapshots("kept")}/live/restore`, body);
    await server.refused(400, "invalid_request", "POST", `${snapshots("kept")}/live/restore`, {
      paths: ["/tmp/x"],
    });
    await server.refused(404, "not_found", "POST", `${snapshots("kept")}/live/restore`, {
      paths: ["/etc/none"],
    });
    await restore({ paths: ["/etc/says"] });
    assert.equal(
      await server.exec("kept", "cat /etc/says /etc/more; ls /bin/ls 2>&1 | head -c 3"),
      "changed\nmore\nls:",
    );
    await server.idle("kept");
    await restore({});
    assert.equal(
      await server.exec("kept", `${see}; ls /etc/more 2>&1 | head -c 3`),
      `changed\n${asPulled}ls:`,
    );

    for (const name of ["kept", "kept-clone"])
      await server.expect(204, "DELETE", `/v1/workspaces/${name}?force=true`);
    assert.ok((await usedBytes()) < emptyBytes + 64 * 1024, "nothing of it is left");
  });

  test("files go in and out whatever programs an image has", async () => {
    const bare = layout("bare");
    makeBusyboxLayout(bare, "bare", []);
    const body = { session_type: "sandbox", name: "bare", image: `oci:${bare}` };
    await server.expect(201, "POST", "/v1/workspaces", body);
    const run = async (command: string[]): Promise<string> =>
      (await server.expect(200, "POST", "/v1/exec", { workspace: "bare", command })).stdout;
    const { id } = await server.expect(201, "POST", "/v1/sessions", {
      session_type: "sandbox",
      workspace: "bare",
    });
    const transfer = (verb: string, file: string, body?: Uint8Array, type?: string): Promise<Response> =>
      fetch(`${server.url}/v1/sessions/${id}/${verb}?path=${encodeURIComponent(file)}`, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          authorization: `Bearer ${server.key}`,
          ...(type === undefined ? {} : { "content-type": type }),
        },
        ...(body === undefined ? {} : { body }),
      });
    const source = layout("sent");
    await mkdir(path.join(source, "below"), { recursive: true });
    await writeFile(path.join(source, "below", "file"), "sent\n");
    assert.equal((await transfer("upload", "one", Buffer.from("one\n"))).status, 200);
    const archive = execFileSync("tar", ["-C", source, "-c", "."]);
    assert.equal((await transfer("upload", "dir", archive, "application/x-tar")).status, 200);
    assert.equal(await run(["/bin/busybox", "cat", "one", "dir/below/file"]), "one\nsent\n");
    assert.equal(await (await transfer("download", "one")).text(), "one\n");
    const got = Buffer.from(await (await transfer("download", "dir")).arrayBuffer());
    assert.match(execFileSync("tar", ["-t"], { input: got }).toString(), /^\.\/below\/file$/m);

    // A link to what only the image has is not read where this machine may have another file of that name.
    await run(["/bin/busybox", "ln", "-s", "/etc/says", "link"]);
    const elsewhere = await transfer("download", "link");
    assert.equal(elsewhere.status, 400);
    assert.match(await elsewhere.text(), /could not be opened/);
    await server.exec("w", "ln -s /etc/says /workspace/link");
    const [{ id: other }] = await server.expect(200, "GET", "/v1/sessions?status=active&workspace=w");
    const read = await fetch(`${server.url}/v1/sessions/${other}/download?path=link`, {
      headers: { authorization: `Bearer ${server.key}` },
    });
    assert.equal(await read.text(), "one\n");
  });

  test("an image of a directory runs a command on a disk that is gone afterwards", async () => {
    const body = { ephemeral: true, image: `oci:${layout("two")}`, command: "cat /etc/says" };
    const asRoot = await server.expect(200, "POST", "/v1/exec", { ...body, command: "id -u", user: "root" });
    assert.equal(asRoot.output, "0\n");
    const result = await server.expect(200, "POST", "/v1/exec", body);
    assert.equal(result.output, "two\n");
    const missing = await server.expect(200, "POST", "/v1/exec", { ...body, command: ["no-such-program"] });
    assert.equal(missing.exit_code, 127);
  });

  test("what cannot be had is said, as an answer and as an event", async () => {
    const image = `${registry.host}/none:v1`;
    const error = await server.refused(422, "image_not_found", "POST", "/v1/images", { image });
    assert.match(error.message, /manifest unknown|not found/i);
    await server.refused(422, "image_not_found", "POST", "/v1/exec", {
      ephemeral: true,
      image,
      command: "true",
    });
    const pull = async (body: unknown): Promise<string> => {
      const response = await fetch(`${server.url}/v1/images`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${server.key}`,
          "content-type": "application/json",
          accept: "text/event-stream",
        },
        body: JSON.stringify(body),
      });
      return response.text();
    };
    assert.match(await pull({ image }), /event: error\ndata: .*image_not_found/);
    assert.match(
      await pull({ image: `oci:${layout("one")}` }),
      new RegExp(`event: complete\\ndata: .*${digests["one"]}`),
    );
  });

  test("a registry that sends its clients where they could not go is refused, and to another allowed one is not", async (t) => {
    const reached: string[] = [];
    const inner = await listening((request, response) => (reached.push(request.url ?? ""), response.end()));
    let target = inner.host;
    const front = await listening((request, response) => {
      const url = request.url ?? "";
      if (url.includes("/blobs/")) response.writeHead(307, { location: `http://${target}${url}` }).end();
      else
        void fetch(`http://${registry.host}${url}`, {
          headers: { accept: request.headers.accept ?? "*/*" },
        }).then(async (answer) => {
          const type = answer.headers.get("content-type") ?? "";
          response.writeHead(answer.status, { "content-type": type });
          response.end(Buffer.from(await answer.arrayBuffer()));
        });
    });
    t.after(() => [inner, front].forEach(({ close }) => close()));
    const images = { insecureRegistries: [front.host], privateRegistries: [registry.host] };
    await using strict = await testServer({ images });
    const image = `${front.host}/base:v1`;
    const error = await strict.refused(422, "image_not_found", "POST", "/v1/images", { image });
    assert.match(error.message, new RegExp(`; ${inner.host} is on this machine$`));
    assert.match(error.suggestion ?? "", /--private-registry/);
    assert.deepEqual(reached, []);
    target = registry.host;
    const { digest } = await strict.expect(200, "POST", "/v1/images", { image });
    assert.match(digest, /^sha256:/);
  });

  test("an image that is gone is fetched again, by its digest", async () => {
    await server.running.close();
    const data = path.join(server.directory, "data");
    await rm(path.join(data, "images"), { recursive: true });
    const images = { insecureRegistries: [registry.host] };
    const listen = { host: "127.0.0.1", port: 0 };
    await using again = await startServer({ dataDirectory: data, listen, images, apiKey: server.key });
    const client = new Client(again.url, server.key);
    assert.equal(await client.exec("w", "cat /etc/says"), "one\n");
    assert.deepEqual(await readdir(path.join(data, "images", "work")), []);
  });
});
