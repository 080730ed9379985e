import assert from "node:assert/strict";
import { test } from "node:test";
import { isAmbiguousPath } from "../../src/auth/path-guard.js";

test("ordinary paths pass, whatever their query holds", () => {
  for (const path of [
    "/",
    "/v1/workspaces",
    "/v1/workspaces/a%20b",
    "/api-docs/",
    "/v1/x?path=//etc/../%2f",
    "/v1/.hidden",
  ])
    assert.ok(!isAmbiguousPath(path), path);
});

test("paths that two readers may read differently are refused", () => {
  const paths = [
    "//v1/workspaces",
    "/v1//workspaces",
    "/v1/%2fworkspaces",
    "/v1%2Fworkspaces",
    "/v1/a%5cb",
    "/v1\\workspaces",
    "/v1/../healthz",
    "/healthz/../v1/workspaces",
    "/v1/./workspaces",
    "/v1/%2e%2e/healthz",
    "/v1/.%2E/healthz",
    "/v1/a%00",
    "/v1/%",
    "/v1/%ff",
    "v1/workspaces",
    "http://host/v1",
    "",
  ];
  for (const path of paths) assert.ok(isAmbiguousPath(path), path);
});
