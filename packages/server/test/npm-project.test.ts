import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { sandboxMissing, testServer, type Client, type TestServer } from "./fixture/server.js";

const npmMissing = existsSync("/usr/bin/npm") ? false : "needs npm below /usr";

/** A project whose dependency lies packed beside it: the lock file names its hash, and no registry is asked. */
const MAKE = `
  set -e
  mkdir dep project
  echo '{"name":"dep","version":"1.2.3","bin":{"dep":"cli.js"}}' > dep/package.json
  printf '#!/usr/bin/env node\\nconsole.log("dep " + require("./package.json").version)\\n' > dep/cli.js
  npm pack --silent --pack-destination project ./dep
  rm -r dep
  cd project
  echo '{"name":"project","version":"1.0.0","scripts":{"test":"dep"},"dependencies":{"dep":"file:dep-1.2.3.tgz"}}' > package.json
  npm install --offline --silent --package-lock-only`;

const runTest = "cd project && npm test --silent";

describe("an npm project", { skip: npmMissing || (await sandboxMissing()) }, () => {
  let server: Client & TestServer;
  before(async () => {
    server = await testServer();
  });
  after(() => server[Symbol.asyncDispose]());

  test("is installed and tested in a workspace, and again after clone and restore", async () => {
    await server.workspace("project");
    await server.exec("project", MAKE);
    await server.exec("project", "cd project && npm ci --offline --silent");
    assert.equal(await server.exec("project", runTest), "dep 1.2.3\n");
    assert.match(await server.exec("project", "ls -d ~/.npm"), /\.npm/);

    await server.idle("project");
    await server.expect(201, "POST", "/v1/workspaces/project/snapshots", { name: "installed" });
    await server.expect(201, "POST", "/v1/workspaces", { clone_from: "project", name: "copy" });
    assert.equal(await server.exec("copy", runTest), "dep 1.2.3\n");

    await server.exec("project", "rm -r project/node_modules");
    assert.notEqual(await server.exec("project", `${runTest} >/dev/null 2>&1; echo $?`), "0\n");
    await server.expect(200, "POST", "/v1/workspaces/project/snapshots/installed/restore?force=true");
    assert.equal(await server.exec("project", runTest), "dep 1.2.3\n");
  });
});
