import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, symlink, utimes, writeFile, lstat, readlink, chmod } from "node:fs/promises";
import { request } from "node:http";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { sandboxMissing, testServer, type Client, type TestServer } from "../fixture/server.js";

describe("files", { skip: await sandboxMissing() }, () => {
  let server: Client & TestServer;
  let session: string;
  before(async () => {
    server = await testServer();
    await server.workspace("w");
    session = (await server.expect(201, "POST", "/v1/sessions", { session_type: "sandbox", workspace: "w" }))
      .id;
  });
  after(() => server[Symbol.asyncDispose]());

  const run = (command: string): Promise<string> => server.exec("w", command);
  const url = (verb: string, query: Record<string, string>): string =>
    `${server.url}/v1/sessions/${session}/${verb}?${new URLSearchParams(query).toString()}`;
  const download = (file: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(url("download", { path: file }), {
      headers: { authorization: `Bearer ${server.key}`, ...headers },
    });
  const upload = async (
    query: Record<string, string>,
    body: Uint8Array | FormData | ReadableStream<Uint8Array>,
    type?: string,
  ): Promise<{ status: number; body: any }> => {
    const response = await fetch(url("upload", query), {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.key}`,
        ...(type === undefined ? {} : { "content-type": type }),
      },
      body: body as never,
      ...{ duplex: "half" },
    });
    return { status: response.status, body: await response.json() };
  };

  test("a file goes in and comes out as it was, with its mode and time", async () => {
    const bytes = randomBytes(5_000_000);
    const answer = await upload({ path: "deep/er/x.bin", mode: "0640", mtime: "1500000000.25" }, bytes);
    assert.deepEqual(answer, {
      status: 200,
      body: { files: [{ path: "deep/er/x.bin", bytes: bytes.length }] },
    });
    assert.equal(await run("stat -c '%a %.2Y %U' deep/er/x.bin"), "640 1500000000.25 chaser\n");
    const got = await download("deep/er/x.bin");
    assert.deepEqual(Buffer.from(await got.arrayBuffer()), bytes);
    assert.equal(got.headers.get("content-length"), String(bytes.length));
    assert.equal(got.headers.get("x-chaser-mode"), "0640");
    assert.equal(got.headers.get("x-chaser-modified"), "1500000000.250000000");
  });

  test("a file that is replaced keeps its mode, and nothing else stays beside it", async () => {
    await run("mkdir m && echo old > m/f && chmod 700 m/f");
    await upload({ path: "m/f" }, Buffer.from("new"));
    assert.equal(await run("cat m/f; stat -c ' %a' m/f; ls -A m"), "new 700\nf\n");
  });

  test("a link at the path is replaced, not followed", async () => {
    await run("echo kept > target && ln -s target link");
    await upload({ path: "link" }, Buffer.from("new"));
    assert.equal(await run("cat target; cat link; test -L link || echo plain"), "kept\nnewplain\n");
  });

  test("parts of a file, as long as it is the same", async () => {
    await run("printf 0123456789 > digits");
    const part = async (range: string, extra = {}): Promise<[number, string, string | null]> => {
      const got = await download("digits", { range, ...extra });
      return [got.status, await got.text(), got.headers.get("content-range")];
    };
    assert.deepEqual(await part("bytes=2-4"), [206, "234", "bytes 2-4/10"]);
    assert.deepEqual(await part("bytes=7-"), [206, "789", "bytes 7-9/10"]);
    assert.deepEqual(await part("bytes=-2"), [206, "89", "bytes 8-9/10"]);
    assert.deepEqual(await part("bytes=0-1,3-4"), [200, "0123456789", null]);
    assert.equal((await part("bytes=10-"))[0], 416);
    const tag = (await download("digits")).headers.get("etag") ?? "";
    assert.deepEqual(await part("bytes=2-4", { "if-range": tag }), [206, "234", "bytes 2-4/10"]);
    assert.deepEqual(await part("bytes=2-4", { "if-range": '"other"' }), [200, "0123456789", null]);
  });

  test("a directory goes in and comes out with modes, links and times", async () => {
    const source = path.join(server.directory, "tree");
    await mkdir(path.join(source, "sub"), { recursive: true });
    await writeFile(path.join(source, "sub", "run"), "#!/bin/sh\n");
    await chmod(path.join(source, "sub", "run"), 0o750);
    await symlink("sub/run", path.join(source, "link"));
    await utimes(path.join(source, "sub", "run"), 1_400_000_000, 1_400_000_000);
    const archive = execFileSync("tar", ["-C", source, "-c", "."]);
    assert.equal((await upload({ path: "tree" }, archive, "application/x-tar")).status, 200);
    assert.equal(
      await run("cd tree && stat -c '%a %Y' sub/run && readlink link && ls -A"),
      "750 1400000000\nsub/run\nlink\nsub\n",
    );
    await run("echo mine > tree/sub/other && echo changed > tree/sub/run");
    assert.equal((await upload({ path: "tree" }, archive, "application/x-tar")).status, 200);
    assert.equal(await run("cat tree/sub/other tree/sub/run; ls -A tree"), "mine\n#!/bin/sh\nlink\nsub\n");

    const got = await download("tree");
    assert.equal(got.headers.get("content-type"), "application/x-tar");
    const back = path.join(server.directory, "back");
    await mkdir(back);
    execFileSync("tar", ["-C", back, "-x"], { input: Buffer.from(await got.arrayBuffer()) });
    assert.equal(await readlink(path.join(back, "link")), "sub/run");
    const stat = await lstat(path.join(back, "sub", "run"));
    assert.deepEqual([stat.mode & 0o777, stat.mtimeMs], [0o750, 1_400_000_000_000]);
    assert.equal(await readFile(path.join(back, "sub", "other"), "utf8"), "mine\n");
  });

  test("a form holds one file, or several for a directory", async () => {
    const form = (...names: string[]): FormData => {
      const made = new FormData();
      for (const name of names) made.append("file", new Blob([`I am ${name}`]), name);
      return made;
    };
    assert.equal((await upload({ path: "one.txt" }, form("a"))).status, 200);
    assert.equal((await upload({ path: "several/" }, form("a", "b", "../../c"))).status, 200);
    assert.equal(await run("cat one.txt several/*; ls several"), "I am aI am aI am bI am ../../ca\nb\nc\n");
    assert.equal((await upload({ path: "x" }, form("a", "b"))).body.error.code, "invalid_request");
    assert.equal((await upload({ path: "y/" }, form(".."))).body.error.code, "invalid_request");
    const broken = Buffer.from('--b\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\nhalf');
    const answer = await upload({ path: "half" }, broken, "multipart/form-data; boundary=b");
    assert.equal(answer.status, 400, JSON.stringify(answer.body));
    assert.equal((await upload({ path: "z" }, Buffer.from("x"), "multipart/form-data")).status, 400);
    assert.equal((await download("half")).status, 404);
  });

  test("an upload that breaks off leaves what was there, and nothing beside it", async () => {
    await run("mkdir cut && echo whole > cut/f");
    for (const type of ["application/octet-stream", "application/x-tar"])
      await new Promise<void>((resolve) => {
        const headers = { authorization: `Bearer ${server.key}`, "content-type": type };
        const sending = request(url("upload", { path: "cut/f" }), { method: "POST", headers });
        sending.on("error", () => resolve());
        sending.write(Buffer.alloc(300_000, "x"));
        setTimeout(() => sending.destroy(), 300);
      });
    const deadline = Date.now() + 20_000;
    while ((await run("ls -A cut")) !== "f\n" && Date.now() < deadline);
    assert.equal(await run("ls -A cut; cat cut/f"), "f\nwhole\n");
    const short = execFileSync("tar", ["-C", server.directory, "-c", "tree"]).subarray(0, 2000);
    assert.equal((await upload({ path: "tree" }, short, "application/x-tar")).status, 400);
    assert.equal(await run("ls -A tree"), "link\nsub\n");
  });

  test("what cannot be is refused, and says what it is", async () => {
    await run("mkfifo pipe; mkdir closed; touch closed/f; chmod 0 closed/f; mkdir full; echo x > full/x");
    const code = async (answer: Promise<Response>): Promise<string> => {
      const got = await answer;
      return `${got.status} ${((await got.json()) as any).error.code}`;
    };
    assert.equal(await code(download("missing")), "404 not_found");
    assert.equal(await code(download("pipe")), "400 unsupported");
    assert.equal(await code(download("/dev/zero")), "400 unsupported");
    assert.equal(await code(download("closed")), "400 invalid_request");
    assert.equal(await code(download("a\0b")), "400 invalid_request");
    assert.equal((await upload({ path: "full" }, Buffer.from("x"))).status, 400);
    assert.equal((await upload({ path: "full/" }, Buffer.from("x"))).status, 400);
    assert.equal((await upload({ path: "/usr/x" }, Buffer.from("x"))).status, 400);
    assert.equal((await upload({ path: "x", mode: "999" }, Buffer.from("x"))).status, 400);
    assert.equal((await upload({ path: "-x", mode: "0600" }, Buffer.from("x"))).status, 200);
    const traversal = execFileSync("tar", ["-P", "-c", "--transform", "s,^,../,", "/etc/hostname"]);
    assert.equal((await upload({ path: "up" }, traversal, "application/x-tar")).status, 400);
    assert.equal((await download("up")).status, 404);
  });

  test("a download that its reader leaves ends, and the session serves on", async () => {
    await run("truncate -s 5G huge");
    const leaving = new AbortController();
    const got = await fetch(url("download", { path: "huge" }), {
      headers: { authorization: `Bearer ${server.key}` },
      signal: leaving.signal,
    });
    await got.body?.getReader().read();
    leaving.abort();
    const deadline = Date.now() + 20_000;
    while ((await run("pgrep -c tail || true")).trim() !== "0" && Date.now() < deadline);
    assert.equal((await run("pgrep -c tail || true")).trim(), "0");
    await run("rm huge");
  });

  test("links that are swapped all the time never lead out of the sandbox", async () => {
    const secret = path.join(server.directory, "secret");
    await writeFile(secret, "of the host");
    await run(`mkdir swap && cd swap && mkdir real && echo inside > real/f &&
      (i=0; while [ $i -lt 1000 ]; do ln -sfn / d; ln -sfn real d; i=$((i+1)); done) >/dev/null 2>&1 &`);
    for (let i = 0; i < 8; i += 1) {
      const got = await download(`swap/d${secret}`);
      assert.equal(got.status, 404);
      await got.arrayBuffer();
      await upload({ path: `swap/d/f${i}` }, Buffer.from("x"));
    }
    assert.equal(await readFile(secret, "utf8"), "of the host");
  });

  test("what does not fit is refused before it is written, also when its length is not told", async () => {
    await using small = await testServer({ limits: { workspaceDiskBytesMax: 3_000_000 } });
    await small.workspace("w");
    const { id } = await small.expect(201, "POST", "/v1/sessions", {
      session_type: "sandbox",
      workspace: "w",
    });
    const chunks = async function* (): AsyncGenerator<Buffer> {
      for (let i = 0; i < 40; i += 1) yield Promise.resolve(Buffer.alloc(100_000, "x"));
    };
    for (const body of [Buffer.alloc(4_000_000, "x"), ReadableStream.from(chunks())]) {
      const response = await fetch(`${small.url}/v1/sessions/${id}/upload?path=f`, {
        method: "POST",
        headers: { authorization: `Bearer ${small.key}` },
        body: body as never,
        ...{ duplex: "half" },
      });
      assert.equal(response.status, 413);
      assert.equal(((await response.json()) as any).error.code, "workspace_disk_full");
    }
    assert.equal(await small.exec("w", "ls -A"), "");
  });
});
