import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePlace } from "../../../src/commands/cp/place.js";

test("a workspace comes before the first colon, unless a slash does", () => {
  assert.deepEqual(parsePlace("w:a/b:c"), { kind: "remote", workspace: "w", path: "a/b:c" });
  assert.deepEqual(parsePlace("w:"), { kind: "remote", workspace: "w", path: "." });
  for (const path of ["a", "-", "./a:b", "/a:b", ":a"])
    assert.deepEqual(parsePlace(path), { kind: "local", path });
});
