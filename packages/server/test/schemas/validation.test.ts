import assert from "node:assert/strict";
import { test } from "node:test";
import type { z } from "@hono/zod-openapi";
import { execBody } from "../../src/schemas/exec.js";
import { restoreBody } from "../../src/schemas/snapshot.js";
import { validationError } from "../../src/schemas/validation.js";
import { createWorkspaceBody } from "../../src/schemas/workspace.js";

/** The path that a refusal of this body names, or null when the body is accepted. */
function badField(schema: z.ZodType, body: unknown): unknown {
  const result = schema.safeParse(body);
  return result.success ? null : validationError(result.error.issues).details?.["path"];
}

test("a refusal names the path of the bad field", () => {
  assert.equal(badField(execBody, { command: "true", wat: 1 }), "wat");
  assert.equal(badField(execBody, {}), "command");
  assert.equal(badField(execBody, { command: 5 }), "command");
  assert.equal(badField(execBody, { command: "" }), "command");
  assert.equal(badField(execBody, { command: [] }), "command");
  assert.equal(badField(execBody, { command: [""] }), "command");
  assert.equal(badField(execBody, { command: ["sh", 5] }), "command");
  assert.equal(badField(execBody, { command: "a\0b" }), "command");
  assert.equal(badField(execBody, { command: "x".repeat(200_000) }), "command");
  assert.equal(badField(execBody, { command: "true", cwd: "relative" }), "cwd");
  assert.equal(badField(execBody, { command: "true", env: { "A=B": "x" } }), "env.A=B");
  assert.equal(badField(execBody, { command: "true", env: { "a-b": "x" } }), "env.a-b");
  assert.equal(badField(execBody, { command: "true", env: { A: 5 } }), "env.A");
  assert.equal(badField(execBody, { command: "true", timeout_ms: 0 }), "timeout_ms");
  assert.equal(badField(execBody, { command: "true", timeout_ms: 1.5 }), "timeout_ms");
  assert.equal(badField(execBody, { command: "true", max_output_bytes: -1 }), "max_output_bytes");
  assert.equal(badField(createWorkspaceBody, { session_type: "vm" }), "session_type");
  assert.equal(badField(createWorkspaceBody, { session_type: "sandbox", name: "a/b" }), "name");
  assert.equal(badField(restoreBody, { paths: [""] }), "paths[0]");
  assert.equal(badField(restoreBody, { paths: ["a", "b\0"] }), "paths[1]");
  assert.equal(badField(restoreBody, []), "");
});

test("what is well formed is accepted", () => {
  assert.equal(badField(execBody, { command: ["echo", ""], env: { A: "" }, stdin: "\0", cwd: "/" }), null);
  assert.equal(badField(restoreBody, { paths: ["workspace/a..b"], dry_run: true }), null);
});
