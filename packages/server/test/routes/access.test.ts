import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createApp, openApiDocument } from "../../src/index.js";
import { scopes } from "../../src/auth/scopes.js";
import { Client, testServer, type TestServer } from "../fixture/server.js";
import { secondAccount } from "../fixture/second-account.js";

interface Operation {
  method: string;
  path: string;
  scope: string | null;
  audit: string | null;
  body: boolean;
}

/** Every route, from the document that the routes themselves make: a new one cannot be forgotten here. */
function operations(): Operation[] {
  const document = openApiDocument(createApp({} as never));
  return Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, any>).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      scope: operation["x-scope"],
      audit: operation["x-audit"],
      body: operation.requestBody !== undefined,
    })),
  );
}

/** Bodies that would do something if the caller were allowed to, with the names of the first account's things. */
function bodyFor(path: string): unknown {
  if (path === "/v1/workspaces") return { clone_from: "theirs", name: "stolen" };
  if (path === "/v1/workspaces/import") return { github_repo: "https://elsewhere.invalid/x.git" };
  if (path.endsWith("/name")) return { name: "stolen" };
  if (path.endsWith("/template")) return { template: true };
  if (path === "/v1/sessions") return { session_type: "sandbox", workspace: "theirs" };
  if (path === "/v1/exec") return { workspace: "theirs", command: "true" };
  if (path.endsWith("/exec")) return { command: "true" };
  if (path === "/v1/images") return { image: "NONE" };
  if (path === "/v1/keys") return { name: "another" };
  if (path.endsWith("/kill")) return { signal: "SIGKILL" };
  if (path.endsWith("/bulk-terminate")) return { workspaces: ["theirs"] };
  return {};
}

/** What a request needs in its query to be valid. */
function queryFor(path: string): string {
  return /\/(upload|download)$/.test(path) ? "?path=x" : "";
}

/** Routes that name nothing of anyone's: they answer with what the caller has. */
const ownOnly = new Set([
  "GET /v1/accounts",
  "GET /v1/workspaces",
  "GET /v1/sessions",
  "GET /v1/keys",
  "POST /v1/keys",
  "GET /v1/billing/summary",
  "GET /v1/audit/events",
  "POST /v1/sessions/bulk-terminate",
]);

describe("every route", () => {
  let server: Client & TestServer;
  let other: Client;
  let names: Record<string, string>;

  before(async () => {
    server = await testServer();
    const workspace = await server.workspace("theirs");
    const snapshot = await server.expect(201, "POST", "/v1/workspaces/theirs/snapshots", { name: "s" });
    const [key] = await server.expect<any[]>(200, "GET", "/v1/keys");
    names = {
      workspace: workspace.id,
      snapshot: snapshot.id,
      session: workspace.id,
      command: workspace.id,
      key: key.id,
    };
    other = await secondAccount(server);
  });
  after(() => server[Symbol.asyncDispose]());

  const fill = (path: string): string =>
    path.replace(/\{(\w+)\}/g, (_, name: string) => (name === "port" ? "80" : (names[name] ?? "missing"))) +
    queryFor(path);

  test("there are routes, each with a known scope; those that change something are audited", () => {
    const all = operations();
    assert.ok(all.length >= 20);
    for (const { method, path, scope, audit } of all) {
      // What a program inside is asked to do is its own; that it may be asked takes the same scope as starting it.
      const forwards = path.startsWith("/s/");
      if (forwards) assert.deepEqual([scope, audit], ["exec.write", null], path);
      if (forwards) continue;
      assert.ok(path.startsWith("/v1/"), path);
      assert.ok(scope === null || (scopes as readonly string[]).includes(scope), `${method} ${path}`);
      const changes = method !== "GET" || path.endsWith("/pty");
      assert.equal(audit !== null, changes, `${method} ${path}`);
      if (changes) assert.match(scope ?? "", /write$/, `${method} ${path}`);
    }
  });

  for (const { method, path, body, scope } of operations()) {
    test(`${method} ${path} needs a key`, async () => {
      const sent = body ? bodyFor(path) : undefined;
      await new Client(server.url, "").refused(401, "unauthorized", method, fill(path), sent);
      const wrong = new Client(server.url, "sk_" + "x".repeat(43));
      await wrong.refused(401, "unauthorized", method, fill(path), sent);
    });

    test(`${method} ${path} hides what belongs to another account`, async () => {
      const sent = body ? bodyFor(path) : undefined;
      // It names nothing of any account; what it names here may not be fetched.
      if (path === "/v1/workspaces/import") await other.refused(400, "invalid_request", method, path, sent);
      else if (ownOnly.has(`${method} ${path}`)) {
        const answer = await other.call(method, fill(path), sent);
        assert.ok(answer.status < 300, JSON.stringify(answer.body));
        const text = JSON.stringify(answer.body);
        for (const id of Object.values(names)) assert.ok(!text.includes(id), text);
      } else if (path === "/v1/images") await other.refused(400, "invalid_request", method, path, sent);
      else await other.refused(404, "not_found", method, fill(path), sent);
    });

    if (scope !== null)
      test(`${method} ${path} needs the scope ${scope}`, async () => {
        const others = scopes.filter((s) => s !== scope);
        const { secret } = await server.expect(201, "POST", "/v1/keys", { name: "limited", scopes: others });
        const limited = new Client(server.url, secret);
        const sent = body ? bodyFor(path) : undefined;
        const error = await limited.refused(403, "missing_scope", method, fill(path), sent);
        assert.equal(error.details.scope, scope);
      });
  }

  test("nothing of the first account was changed by all that", async () => {
    const list = await server.expect<any[]>(200, "GET", "/v1/workspaces");
    assert.deepEqual(
      list.map((w) => w.name),
      ["theirs"],
    );
    assert.equal((await server.expect<any[]>(200, "GET", "/v1/workspaces/theirs/snapshots")).length, 1);
  });

  test("an account can be named by id, name or kind, and no other one", async () => {
    const [account] = await server.expect<any[]>(200, "GET", "/v1/accounts");
    for (const name of [account.id, account.name, "personal"]) {
      const answer = await server.call("GET", "/v1/workspaces", undefined, { "x-chaser-account": name });
      assert.equal(answer.status, 200);
    }
    for (const name of ["second", "nobody", ""])
      await server.refused(403, "forbidden", "GET", "/v1/workspaces", undefined, {
        "x-chaser-account": name,
      });
  });
});
