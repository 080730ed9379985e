import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hostUser, sessionLimits } from "../../src/sandbox/spec.js";

describe("hostUser", () => {
  it("is asked for from root, and never root", () => {
    assert.deepEqual(hostUser({ hostUid: 5, hostGid: 6 }, 0), { uid: 5, gid: 6 });
    assert.deepEqual(hostUser({ hostUid: 5 }, 0), { uid: 5, gid: 5 });
    const bad = [
      {},
      { hostUid: 0 },
      { hostUid: -1 },
      { hostUid: 1.5 },
      { hostUid: 5, hostGid: 0 },
      { hostUid: 2 ** 32 - 1 },
    ];
    for (const spec of bad)
      assert.throws(() => hostUser(spec, 0), { code: "invalid_argument" }, JSON.stringify(spec));
  });

  it("is the own user for everybody else", () => {
    assert.equal(hostUser({}, 1001), null);
    assert.equal(hostUser({ hostUid: 1001 }, 1001), null);
    assert.throws(() => hostUser({ hostUid: 1002 }, 1001), { code: "invalid_argument" });
  });
});

describe("sessionLimits", () => {
  it("overrides the defaults one by one", () => {
    assert.equal(sessionLimits({ openFiles: 9 }).openFiles, 9);
    assert.equal(sessionLimits({ openFiles: 9 }).maxProcesses, sessionLimits(undefined).maxProcesses);
  });

  it("refuses what is no limit", () => {
    for (const limits of [
      { openFiles: 0 },
      { openFiles: -1 },
      { openFiles: 1.5 },
      { openFiles: NaN },
      { toString: 1 },
    ]) {
      assert.throws(() => sessionLimits(limits), { code: "invalid_argument" });
    }
  });
});
