import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { execEvents } from "../fixture/events.js";
import { farAddress, farHost } from "../fixture/far-host.js";
import { gitServer, type GitServer } from "../fixture/git-server.js";
import {
  sandboxMissing,
  temporaryDirectory,
  testServer,
  type Client,
  type TestServer,
} from "../fixture/server.js";

const commit = "git add -A && git commit -qm 1";

describe("imports", { skip: await sandboxMissing() }, () => {
  let directory: string;
  let git: GitServer;
  let server: Client & TestServer;
  const secret = "t0ken-that-nobody-may-see";

  before(async () => {
    directory = await temporaryDirectory();
    git = await gitServer(directory);
    // Loopback cannot be reached under nat, and may be named by an operator only with its port.
    const imports = { hosts: [git.host], network: "host", extraCertificates: git.certificate } as const;
    server = await testServer({ imports: { ...imports, timeoutMs: 20_000 } });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await git[Symbol.asyncDispose]();
  });

  const begin = (body: Record<string, unknown>): Promise<any> =>
    server.expect(201, "POST", "/v1/workspaces/import", body);
  const failed = async (url: string, extra: Record<string, unknown> = {}): Promise<string> => {
    const error = await server.refused(422, "import_failed", "POST", "/v1/workspaces/import", {
      github_repo: url,
      name: "failing",
      ...extra,
    });
    await server.refused(404, "not_found", "GET", "/v1/workspaces/failing");
    assert.deepEqual(await processes(), []);
    return error.message;
  };
  const processes = async (): Promise<string[]> => {
    const running = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
    return running.split("\n").filter((line) => line.includes(git.host) && !line.includes("ps -eo"));
  };

  test("the default branch, without history, on a workspace that remembers where it came from", async () => {
    const url = git.repository(
      "plain.git",
      `mkdir d && echo one > d/f && ${commit} && echo two > d/f && ln -s d/f l && ${commit}`,
    );
    const made = await begin({ github_repo: url, name: "plain" });
    assert.deepEqual(
      [made.name, made.github_repo, made.github_ref, made.status],
      ["plain", url, null, "idle"],
    );
    const script =
      "cat d/f; readlink l; git rev-list --count HEAD; git status --porcelain -b; git remote get-url origin; ls -A";
    assert.equal(
      await server.exec("plain", script),
      `two\nd/f\n1\n## trunk...origin/trunk\n${url}\n.git\nd\nl\n`,
    );
    const audited = await server.expect<any[]>(200, "GET", "/v1/audit/events");
    assert.ok(audited.some((event) => event.action === "workspace.import" && event.target === made.id));
  });

  test("a branch, a tag or a commit", async () => {
    const url = git.repository(
      "refs.git",
      `echo 1 > f && ${commit} && git tag v1 && git checkout -qb side/a && echo 2 > f && ${commit} && git checkout -q trunk && echo 3 > f && ${commit}`,
    );
    await begin({ github_repo: url, ref: "v1", name: "tag" });
    await begin({ github_repo: url, ref: "side/a", name: "branch" });
    assert.equal(await server.exec("branch", "cat f; git branch --show-current"), "2\nside/a\n");
    const { stdout } = await server.expect(200, "POST", "/v1/exec", {
      workspace: "tag",
      command: "cat f; git rev-parse HEAD",
    });
    const [content, id] = stdout.trim().split("\n");
    assert.equal(content, "1");
    const made = await begin({ github_repo: url, ref: id, name: "commit" });
    assert.equal(made.github_ref, id);
    assert.equal(await server.exec("commit", "cat f; git rev-parse HEAD"), `1\n${id}\n`);
    assert.match(await failed(url, { ref: "nowhere" }), /nowhere/);
    assert.match(await failed(url, { ref: "1".repeat(40) }), /could not be fetched/);
  });

  test("an empty workspace is fetched again when a session starts, one with anything in it is not", async () => {
    const url = git.repository("again.git", `echo 1 > f && ${commit}`);
    await begin({ github_repo: url, name: "again" });
    await server.exec("again", "rm f && echo mine > other");
    await server.idle("again");
    assert.equal(await server.exec("again", "ls -A"), ".git\nother\n");
    await server.exec("again", "rm -rf .git other");
    await server
      .expect(201, "POST", "/v1/workspaces", { clone_from: "again@missing" })
      .catch(() => undefined);
    await server.idle("again");
    assert.equal(await server.exec("again", "ls -A; cat f"), ".git\nf\n1\n");
    // What an import that was cut off left does not count.
    await server.exec("again", "rm -rf .git f && mkdir .chaser-import && touch .chaser-import/half");
    await server.idle("again");
    assert.equal(await server.exec("again", "ls -A"), ".git\nf\n");
    await server.exec("again", "rm -rf .git f");
    await server.idle("again");
    git.answer = (_request, response) => !!response.writeHead(500).end();
    const run = { workspace: "again", command: "ls -A" };
    const first = await server.expect<any>(200, "POST", "/v1/exec", run);
    assert.equal(first.stdout, "");
    assert.match(
      first.warnings.join(),
      /^\/workspace is empty: https.*again\.git could not be fetched again: .*500/,
    );
    assert.deepEqual((await server.expect<any>(200, "POST", "/v1/exec", run)).warnings, []);
    await server.idle("again");
    const warned = [];
    for await (const { event, data } of execEvents(server, "/v1/exec", run))
      if (event === "start") warned.push(...data.warnings);
    assert.equal(warned.length, 1);
    git.answer = undefined;
    await server.idle("again");
    const session = { session_type: "sandbox", workspace: "again" };
    assert.deepEqual((await server.expect<any>(201, "POST", "/v1/sessions", session)).warnings, []);
    assert.equal(await server.exec("again", "ls -A"), ".git\nf\n");
  });

  test("events tell how far it is", async () => {
    const url = git.repository("events.git", `for i in $(seq 300); do echo $i > f$i; done; ${commit}`);
    const events = [];
    for await (const event of execEvents(server, "/v1/workspaces/import", {
      github_repo: url,
      name: "events",
    }))
      events.push(event);
    const last = events.at(-1);
    assert.equal(last?.event, "complete");
    assert.equal(last.data.name, "events");
    const receiving = events.filter((e) => e.event === "progress" && e.data.phase === "receiving");
    assert.deepEqual(receiving.at(-1)?.data, { phase: "receiving", done: 302, total: 302 });
    const refused = [];
    for await (const event of execEvents(server, "/v1/workspaces/import", { github_repo: url + "x" }))
      refused.push(event);
    assert.equal(refused.at(-1)?.data.error.code, "import_failed");
  });

  test("what may not be named is refused before anything is started", async () => {
    const refuse = (body: Record<string, unknown>): Promise<unknown> =>
      server.refused(400, "invalid_request", "POST", "/v1/workspaces/import", body);
    for (const github_repo of [
      ...["owner", "a/b/c", "-owner/repo", "owner/-repo", "owner/..", "owner/re po", "--upload-pack=x/y"],
      ...["ext::sh -c true", "file:///etc", "/etc", "git@github.com:a/b", "ssh://github.com/a/b"],
      ...["http://github.com/a/b", "git://github.com/a/b", "https://user:pass@" + git.host + "/a"],
      ...["https://127.0.0.1/a", "https://169.254.169.254/a", "https://localhost:1/a", "https://" + git.host],
      ...["https://" + git.host + "/a?b", "https://" + git.host + "/a\n", "https://github.com.evil.org/a/b"],
      "owner/repo",
    ])
      await refuse({ github_repo });
    for (const ref of [
      "-x",
      "--upload-pack=x",
      "a..b",
      "a b",
      "a\nb",
      "a.lock",
      ".a",
      "a/",
      "@",
      "a@{1}",
      "a^",
      "a:b",
    ])
      await refuse({ github_repo: `https://${git.host}/plain.git`, ref });
    await refuse({ github_repo: `https://${git.host}/plain.git`, token: "two\nlines" });
  });

  test("a token reaches its host when that asks, and nothing else", async () => {
    const url = git.repository("private.git", `echo 1 > f && ${commit}`);
    const given: (string | undefined)[] = [];
    const expected = "Basic " + Buffer.from(`x-access-token:${secret}`).toString("base64");
    git.answer = (request, response) => {
      given.push(request.headers.authorization);
      if (request.headers.authorization === expected) return false;
      response.writeHead(401, { "www-authenticate": 'Basic realm="x"', "content-type": "text/plain" });
      const sent = Buffer.from((request.headers.authorization ?? "").slice(6), "base64").toString();
      return !!response.end(`you sent ${String(request.headers.authorization)}, ${sent}\u001b[2J\n`);
    };
    await begin({ github_repo: url, name: "private", token: secret });
    assert.equal(await server.exec("private", "cat f; grep -c x-access .git/config || true"), "1\n0\n");
    assert.deepEqual(given.slice(0, 2), [undefined, expected]);
    for (const token of [undefined, secret + "x"]) {
      const message = await failed(url, { token });

      assert.doesNotMatch(message, /t0ken|eC1hY2Nlc3M|\u001b/);
    }
    git.answer = undefined;
    execFileSync("sh", ["-c", '! grep -rF "$1" "$2"', "sh", secret, server.directory], { stdio: "pipe" });
  });

  test("redirects are not followed, wherever they lead", async () => {
    const url = git.repository("moved.git", `echo 1 > f && ${commit}`);
    const reached: string[] = [];
    for (const target of ["https://169.254.169.254/x", `https://${git.host}/elsewhere.git`, "file:///etc"]) {
      git.answer = (request, response) => {
        reached.push(request.url ?? "");
        return !!response.writeHead(302, { location: target + (request.url ?? "") }).end();
      };
      assert.match(await failed(url), /302|redirect/i);
    }
    git.answer = undefined;
    assert.ok(!reached.some((asked) => asked.startsWith("/elsewhere")));
  });

  test("a certificate that nobody trusts ends it", async () => {
    const imports = { hosts: [git.host], network: "host" } as const;
    await using strict = await testServer({ imports });
    const error = await strict.refused(422, "import_failed", "POST", "/v1/workspaces/import", {
      github_repo: git.repository("tls.git", `echo 1 > f && ${commit}`),
    });
    assert.match(error.message, /certificate/i);
  });

  test("hooks, submodules, filters and odd names of a repository do nothing", async () => {
    const url = git.repository(
      "evil.git",
      `mkdir hooks && printf '#!/bin/sh\\ntouch /workspace/hooked\\n' > hooks/post-checkout && chmod +x hooks/post-checkout
      printf '[submodule "a"]\\n\\tpath = a\\n\\turl = ext::sh -c touch%% /workspace/ext\\n[submodule "b"]\\n\\tpath = b\\n\\turl = file:///etc\\n' > .gitmodules
      printf '* filter=evil\\n' > .gitattributes; ln -s / root; ln -s ../../../etc/passwd up; echo x > ./-n; echo y > ./--upload-pack=touch
      git add -A && git update-index --add --cacheinfo 160000,$(printf %040d 1),a && git commit -qm 1`,
    );
    await begin({ github_repo: url, name: "evil" });
    const seen = await server.exec("evil", "ls -A; ls -A a .git | grep -c hooks || true; readlink root up");
    assert.ok(!/hooked|^ext$/m.test(seen), seen);
    assert.match(seen, /^root$/m);
    assert.match(seen, /\n0\n\/\n\.\.\/\.\.\/\.\.\/etc\/passwd\n$/);
  });

  test("an entry of the name that repositories are put together under comes along", async () => {
    const url = git.repository(
      "same.git",
      `mkdir .chaser-import && echo 1 > .chaser-import/f && ln -s x .chaser-import- && ${commit}`,
    );
    await begin({ github_repo: url, name: "same" });
    assert.equal(
      await server.exec("same", "git status --porcelain; cat .chaser-import/f; ls -Ad .c*"),
      "1\n.chaser-import\n.chaser-import-\n",
    );
  });

  test("a tree that would write into .git in another spelling is refused", async () => {
    const url = git.repository(
      "dotgit.git",
      `blob=$(echo evil | git hash-object -w --stdin); inner=$(printf '100644 blob %s\\tconfig\\n' $blob | git mktree)
      tree=$(printf '040000 tree %s\\t.GIT\\n' $inner | git mktree); git update-ref refs/heads/trunk $(git commit-tree -m 1 $tree)`,
    );
    assert.match(await failed(url), /\.GIT/);
  });

  test("one that hangs is ended in time, one whose client leaves at once; nothing stays", async () => {
    git.answer = () => true;
    await using hasty = await testServer({
      imports: { hosts: [git.host], network: "host", extraCertificates: git.certificate, timeoutMs: 1500 },
    });
    const error = await hasty.refused(422, "import_failed", "POST", "/v1/workspaces/import", {
      github_repo: `https://${git.host}/hanging.git`,
    });
    assert.match(error.message, /longer than 2 seconds/);
    const leaving = new AbortController();
    git.answer = () => {
      leaving.abort();
      return true;
    };
    const events = execEvents(
      server,
      "/v1/workspaces/import",
      { github_repo: `https://${git.host}/x`, name: "left" },
      leaving.signal,
    );
    await assert.rejects(async () => {
      for await (const _ of events);
    });
    const deadline = Date.now() + 20_000;
    while ((await processes()).length > 0 && Date.now() < deadline)
      await new Promise((next) => setTimeout(next, 50));
    assert.deepEqual(await processes(), []);
    await server.refused(404, "not_found", "GET", "/v1/workspaces/left");
    git.answer = undefined;
  });

  test("one that is larger than the disk may be is ended, and its workspace is gone", async () => {
    const url = git.repository("huge.git", `head -c 30000000 /dev/urandom > f && ${commit}`);
    await using small = await testServer({
      imports: { hosts: [git.host], network: "host", extraCertificates: git.certificate },
      limits: { workspaceDiskBytesMax: 4_000_000 },
    });
    await small.refused(413, "workspace_disk_full", "POST", "/v1/workspaces/import", { github_repo: url });
    assert.deepEqual(await small.expect<any[]>(200, "GET", "/v1/workspaces"), []);
    const sessions = await readdir(path.join(small.directory, "data", "run", "sessions"));
    assert.deepEqual(sessions, []);
  });
});

const noFarHost =
  process.getuid?.() !== 0
    ? "needs root, to have another host"
    : await sandboxMissing(/bubblewrap|namespace|overlay|network nat/i);

describe("imports by sandboxes that have nothing of this machine", { skip: noFarHost }, () => {
  test("reach another host by nat and this one not, whatever the sessions of users reach", async () => {
    const directory = await temporaryDirectory();
    await using git = await gitServer(directory, [farAddress]);
    await using _far = await farHost(git.socketPath);
    await using server = await testServer({
      imports: { hosts: [git.host, farAddress], extraCertificates: git.certificate, timeoutMs: 60_000 },
    });
    const near = git.repository("far.git", `echo 1 > f && ${commit}`);
    let asked = 0;
    git.answer = () => {
      asked += 1;
      return false;
    };
    const refused = await server.refused(422, "import_failed", "POST", "/v1/workspaces/import", {
      github_repo: near,
    });
    assert.match(refused.message, /connect/i);
    assert.equal(asked, 0);
    const url = `https://${farAddress}/far.git`;
    await server.expect(201, "POST", "/v1/workspaces/import", { github_repo: url, name: "far" });
    assert.ok(asked > 0);
    assert.equal(await server.exec("far", "cat f; rm -rf f .git"), "1\n");
    await server.idle("far");
    assert.equal(await server.exec("far", "cat f; grep -c : /proc/net/dev"), "1\n1\n");
  });
});
