import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  changeCredentials,
  credentialsPath,
  readCredentials,
  saveServedKey,
} from "../../src/client/credentials.js";
import { CliError } from "../../src/errors.js";

const here = "http://127.0.0.1:7420";
const there = "http://127.0.0.1:8000";

describe("credentials", () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "chaser-credentials-"));
    path = credentialsPath({ XDG_CONFIG_HOME: join(directory, "config") });
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("are empty before anything is saved", () => {
    assert.deepEqual(readCredentials(path, here), {});
  });

  it("stand in a file that its owner alone can read, with nothing left beside it", () => {
    const umask = process.umask(0);
    try {
      changeCredentials(path, here, () => ({ api_key: "sk_one" }));
    } finally {
      process.umask(umask);
    }
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(dirname(path)), ["credentials.json"]);
  });

  it("give a key only for the server it was saved for", () => {
    changeCredentials(path, here, () => ({ api_key: "sk_one" }));
    assert.deepEqual(readCredentials(path, there), {});
    assert.deepEqual(readCredentials(path, here), { api_key: "sk_one" });
  });

  it("find the key of a data directory again when it is served at another address", () => {
    assert.equal(saveServedKey(path, { url: here, dataDirectory: "/data", apiKey: "sk_one" }), true);
    assert.equal(saveServedKey(path, { url: there, dataDirectory: "/data", apiKey: undefined }), true);
    assert.equal(readCredentials(path, there).api_key, "sk_one");
    assert.equal(saveServedKey(path, { url: here, dataDirectory: "/unknown", apiKey: undefined }), false);
  });

  it("forget the default workspace when another data directory is served at the address", () => {
    saveServedKey(path, { url: here, dataDirectory: "/one", apiKey: "sk_one" });
    changeCredentials(path, here, (saved) => ({ ...saved, default_workspace: "w" }));
    saveServedKey(path, { url: here, dataDirectory: "/one", apiKey: undefined });
    assert.equal(readCredentials(path, here).default_workspace, "w");
    saveServedKey(path, { url: here, dataDirectory: "/two", apiKey: "sk_two" });
    assert.deepEqual(readCredentials(path, here), { api_key: "sk_two" });
  });

  it("that cannot be read are an error, never overwritten", () => {
    changeCredentials(path, here, () => ({ api_key: "sk_one" }));
    for (const text of ["{", "null", "[]", '{"servers":null}']) {
      writeFileSync(path, text);
      assert.throws(() => changeCredentials(path, here, () => ({})), CliError, text);
    }
  });
});
