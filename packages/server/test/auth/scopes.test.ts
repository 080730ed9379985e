import assert from "node:assert/strict";
import { test } from "node:test";
import { allows, covers } from "../../src/auth/scopes.js";

test("a key without a list of scopes may do everything", () => {
  assert.ok(allows(null, "keys.write"));
  assert.ok(allows(["keys.write"], "keys.write"));
  assert.ok(!allows(["keys.read"], "keys.write"));
  assert.ok(!allows([], "keys.read"));
});

test("a key cannot make a stronger one", () => {
  assert.ok(covers(null, null));
  assert.ok(covers(["keys.write", "exec.write"], ["exec.write"]));
  assert.ok(!covers(["keys.write"], ["exec.write"]));
  assert.ok(!covers(["keys.write"], null));
});
