import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exitCodeOfAnswer, exitCodeOfStoreError } from "../src/exit.js";

describe("exit codes", () => {
  it("follow the documented code of an answer", () => {
    const cases: [number, string, number][] = [
      [400, "invalid_request", 2],
      [401, "unauthorized", 6],
      [403, "missing_scope", 6],
      [404, "not_found", 3],
      [409, "session_active", 4],
      [413, "storage_quota_exceeded", 5],
      [413, "workspace_disk_full", 5],
      [413, "payload_too_large", 1],
      [422, "image_not_found", 1],
      [429, "limit_exceeded", 5],
      [429, "rate_limited", 1],
      [500, "internal", 1],
      [503, "sandbox_unavailable", 1],
    ];
    for (const [status, code, expected] of cases)
      assert.equal(exitCodeOfAnswer(status, code), expected, code);
  });

  it("follow the code of a store error", () => {
    assert.equal(exitCodeOfStoreError("snapshot_not_found"), 3);
    assert.equal(exitCodeOfStoreError("snapshot_name_taken"), 4);
    assert.equal(exitCodeOfStoreError("no_space"), 5);
    assert.equal(exitCodeOfStoreError("quota_exceeded"), 5);
    assert.equal(exitCodeOfStoreError("permission_denied"), 6);
    assert.equal(exitCodeOfStoreError("aborted"), 130);
    assert.equal(exitCodeOfStoreError("io_error"), 1);
  });
});
