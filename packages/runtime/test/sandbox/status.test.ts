import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseStatus } from "../../src/sandbox/status.js";

describe("parseStatus", () => {
  it("reads what is there so far", () => {
    assert.deepEqual(parseStatus(""), { childPid: null, exitCode: null });
    assert.deepEqual(parseStatus('{ "child-pid": 12'), { childPid: null, exitCode: null });
    assert.deepEqual(parseStatus('{ "child-pid": 12, "mnt-namespace": 3 }\n'), {
      childPid: 12,
      exitCode: null,
    });
    assert.deepEqual(parseStatus('{ "child-pid": 12 }\n{ "exit-code": 0 }\n'), { childPid: 12, exitCode: 0 });
  });
});
