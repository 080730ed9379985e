import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { apiPath, defaultServerUrl, serverUrl } from "../../src/client/address.js";
import { CliError } from "../../src/errors.js";

describe("serverUrl", () => {
  it("is the default without CHASER_API_URL, or with an empty one", () => {
    assert.equal(serverUrl({}), defaultServerUrl);
    assert.equal(serverUrl({ CHASER_API_URL: "" }), defaultServerUrl);
  });

  it("has one spelling for one server", () => {
    assert.equal(serverUrl({ CHASER_API_URL: "HTTP://LocalHost:7420/" }), "http://localhost:7420");
    assert.equal(serverUrl({ CHASER_API_URL: "https://example.org/chaser/" }), "https://example.org/chaser");
  });

  it("refuses what is no http URL as wrong usage", () => {
    for (const bad of ["localhost:7420", "ftp://x", "7420", "file:///etc/passwd"])
      assert.throws(
        () => serverUrl({ CHASER_API_URL: bad }),
        (error) => error instanceof CliError && error.exitCode === 2,
        bad,
      );
  });
});

describe("apiPath", () => {
  it("keeps every value inside its own segment", () => {
    assert.equal(
      apiPath`/v1/workspaces/${"a/../b?c#d é"}/usage`,
      "/v1/workspaces/a%2F..%2Fb%3Fc%23d%20%C3%A9/usage",
    );
  });

  it("refuses values that would name another route", () => {
    for (const bad of ["", ".", ".."]) assert.throws(() => apiPath`/v1/workspaces/${bad}`, CliError);
  });
});
